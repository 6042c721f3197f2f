export {
  createRouterClient,
  type RouterClientOptions,
  type TypedRouterClient,
} from './create-router-client.js';
export {
  FollowRefusedError,
  followRun,
  type ConnectionState,
  type FollowOptions,
  type FollowedEvent,
  type RunEvent,
} from './follow-run.js';
export type { AnswerOf, BodyOf, QueryOf } from './shapes.js';
export type { components as RouterComponents, paths as RouterPaths } from './schema.js';
