import type { paths } from './schema.js';

type Operation<Path extends keyof paths, Method extends keyof paths[Path]> = paths[Path][Method];
type Success = 200 | 201 | 202;

/** What an operation answers in JSON where it succeeds: `AnswerOf<'/runs/{id}', 'get'>`. */
export type AnswerOf<Path extends keyof paths, Method extends keyof paths[Path]> =
  Operation<Path, Method> extends { responses: infer Responses }
    ? {
        [Status in keyof Responses & Success]: Responses[Status] extends {
          content: { 'application/json': infer Body };
        }
          ? Body
          : never;
      }[keyof Responses & Success]
    : never;

/** What an operation takes in JSON. */
export type BodyOf<Path extends keyof paths, Method extends keyof paths[Path]> =
  Operation<Path, Method> extends { requestBody?: infer Request }
    ? NonNullable<Request> extends { content: { 'application/json': infer Body } }
      ? Body
      : never
    : never;

/** What an operation takes in its query. */
export type QueryOf<Path extends keyof paths, Method extends keyof paths[Path]> =
  Operation<Path, Method> extends { parameters: { query?: infer Query } } ? NonNullable<Query> : never;
