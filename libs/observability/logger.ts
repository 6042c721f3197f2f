import { pino, type Logger } from 'pino';
import { stderrLines } from './stderr-lines.js';

export type { Logger };

/** Gets each line as it is, its newline included. */
export interface LogDestination {
  write(line: string): void;
}

/** JSON lines on stderr; stdout is kept for what a command prints. Prompts and answers are never logged. */
export function createLogger(
  service: string,
  level: string,
  destination: LogDestination = stderrLines(),
): Logger {
  return pino(
    {
      level,
      base: { service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      // A driver's error quotes the data it refused (`where`, `detail`): a prompt or an answer would be in the log.
      serializers: { err: describeError },
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: [
          '*.authorization',
          '*.password',
          '*.prompt',
          '*.messages',
          '*.response',
          'headers',
          '*.headers',
        ],
        censor: '[redacted]',
      },
    },
    destination,
  );
}

function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: 'not an Error' };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause instanceof Error ? { cause: describeError(error.cause) } : {}),
  };
}
