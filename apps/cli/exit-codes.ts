/** What a command tells the shell (after sysexits.h). Documented in docs/operations/up.md and docs/receipts.md. */
export const EXIT_OK = 0;
/** Something could not be started for a reason that has no code of its own. */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 64;
/** A document that was to be checked is not what it says. */
export const EXIT_INVALID = 65;
/** A file that was named cannot be read. */
export const EXIT_NO_INPUT = 66;
/** Postgres, nats-server or the real model is not available. */
export const EXIT_UNAVAILABLE = 69;
/** The supervisor itself met a fault. */
export const EXIT_FAULT = 70;
/** The data folder is in use or cannot be written. */
export const EXIT_DATA_FOLDER = 73;
/** The port that was asked for is taken. */
export const EXIT_PORT_TAKEN = 75;
export const EXIT_CONFIGURATION = 78;
/** A second signal cut the drain short: 128 plus its number, as shells do. */
export const EXIT_SIGNAL = 128;
