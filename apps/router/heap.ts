import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How much garbage may gather, in per cent of what is in use, before all of it is collected. */
const GARBAGE_PERCENT = 40;

/**
 * Keeps the process as small as what it holds. On a machine with much memory V8 lets garbage of the old generation grow to
 * three times what is in use before it collects it, and to hundreds of megabytes before it does so for the first time:
 * under a steady stream of jobs a router that holds 65 MiB then takes 330. Called once what is loaded is loaded: what
 * loading left behind is collected here.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${GARBAGE_PERCENT}`);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (() => void) | undefined;
  collect?.();
}
