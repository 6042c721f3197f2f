/** What a command tells the shell (after sysexits.h where it has a word for it). Documented in docs/cli.md. */
export const EXIT_OK = 0;
/** Refused, or failed for a reason that has no code of its own. */
export const EXIT_FAILED = 1;
/** A run or a job that was waited for ended otherwise than completed. */
export const EXIT_NOT_COMPLETED = 2;
/** `doctor` found something that has to be mended. */
export const EXIT_FINDINGS = 3;
export const EXIT_USAGE = 64;
/** A document that was to be checked is not what it says. */
export const EXIT_INVALID = 65;
/** A file that was named cannot be read. */
export const EXIT_NO_INPUT = 66;
/** No router answers; or Postgres, nats-server or the real model is not available. */
export const EXIT_UNAVAILABLE = 69;
/** The supervisor itself met a fault. */
export const EXIT_FAULT = 70;
/** The data folder is in use, or it or another file cannot be written. */
export const EXIT_DATA_FOLDER = 73;
/** The port that was asked for is taken. */
export const EXIT_PORT_TAKEN = 75;
/** Refused for now: too many requests, or the server is stopping. The same command may succeed later. */
export const EXIT_TRY_LATER = 75;
/** The key is missing, wrong, or may not do that. */
export const EXIT_NO_PERMISSION = 77;
export const EXIT_CONFIGURATION = 78;
/** A signal ended it, or cut a drain short: 128 plus the signal's number, as shells do. */
export const EXIT_SIGNAL = 128;
