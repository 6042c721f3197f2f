import { pino, type Logger } from 'pino';

export type { Logger };

/** Gets each line as it is, its newline included. */
export interface LogDestination {
  write(line: string): void;
}

/** JSON lines on stderr; stdout is kept for what a command prints. Prompts and answers are never logged. */
export function createLogger(
  service: string,
  level: string,
  destination: LogDestination = pino.destination({ dest: 2, sync: false }),
): Logger {
  return pino(
    {
      level,
      base: { service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
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
