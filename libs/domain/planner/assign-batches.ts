/** All an endpoint has to do, in one go: ms. */
export interface Batch {
  /** Cold start and work. */
  readonly runMs: number;
  /** How long its GPU is not free for another endpoint afterwards. */
  readonly holdMs: number;
}

export interface Assignment {
  /** By GPU: positions of batches, in the sequence in which they run. */
  readonly sequences: readonly (readonly number[])[];
  /** When the last batch ends. */
  readonly endMs: number;
  /** Whether no other assignment ends earlier. */
  readonly isOptimal: boolean;
}

/** Up to here the search for the optimum is worth its time. */
const EXACT_BATCHES_MAX = 12;
/** Partial assignments looked at before the best one found so far is taken: some ten milliseconds. */
export const NODES_MAX = 60_000;

interface Gpu {
  readonly freeAtMs: number;
  /** Run and hold times of its batches. */
  loadMs: number;
  longestHoldMs: number;
}

/**
 * Distributes batches over GPUs so that the last one ends early. The last batch of a GPU holds it for nobody, so the
 * one with the longest hold goes last. Longest first gives a good assignment at once; up to 12 batches a branch and
 * bound search then looks for a better one, and proves that there is none where it comes to its end.
 * @param gpusFreeAtMs one entry per GPU, when it is free
 * @param nodesMax partial assignments that may be looked at
 */
export function assignBatches(
  batches: readonly Batch[],
  gpusFreeAtMs: readonly number[],
  nodesMax = NODES_MAX,
): Assignment {
  const gpus: Gpu[] = [...gpusFreeAtMs]
    .sort((left, right) => left - right)
    .map((freeAtMs) => ({ freeAtMs, loadMs: 0, longestHoldMs: 0 }));
  const longestFirst = batches
    .map((batch, index) => ({ ...batch, index }))
    .sort((left, right) => right.runMs + right.holdMs - left.runMs - left.holdMs || left.index - right.index);
  const greedy = longestFirst.map((batch) => {
    const gpu = gpus.reduce((first, next) => (endWith(next, batch) < endWith(first, batch) ? next : first));
    add(gpu, batch);
    return gpus.indexOf(gpu);
  });
  let best = { gpuOf: greedy, endMs: Math.max(0, ...gpus.filter(({ loadMs }) => loadMs > 0).map(endOf)) };
  const boundMs = lowerBoundMs(batches, gpusFreeAtMs);
  let isOptimal = best.endMs <= boundMs;
  if (!isOptimal && batches.length <= EXACT_BATCHES_MAX) {
    const found = search(longestFirst, gpus, best, boundMs, nodesMax);
    best = found;
    isOptimal = found.isComplete;
  }
  const sequences = gpus.map((_, gpu) =>
    longestHoldLast(longestFirst.filter((_batch, position) => best.gpuOf[position] === gpu)),
  );
  return {
    sequences: sequences.map((sequence) => sequence.map(({ index }) => index)),
    endMs: best.endMs,
    isOptimal,
  };
}

/** No assignment ends before its longest batch, nor before the GPUs, all busy throughout, have done the work. */
export function lowerBoundMs(batches: readonly Batch[], gpusFreeAtMs: readonly number[]): number {
  const firstFreeMs = Math.min(...gpusFreeAtMs);
  const longestMs = batches.reduce((longest, { runMs }) => Math.max(longest, runMs), 0);
  const totalMs = batches.reduce((sum, { runMs, holdMs }) => sum + runMs + holdMs, 0);
  const lastHoldsMs = batches
    .map(({ holdMs }) => holdMs)
    .sort((left, right) => right - left)
    .slice(0, gpusFreeAtMs.length)
    .reduce((sum, holdMs) => sum + holdMs, 0);
  const sharedMs = (totalMs - lastHoldsMs) / gpusFreeAtMs.length;
  return batches.length === 0 ? 0 : firstFreeMs + Math.max(longestMs, sharedMs);
}

function search(
  batches: readonly Batch[],
  gpus: readonly Gpu[],
  start: { gpuOf: readonly number[]; endMs: number },
  boundMs: number,
  nodesMax: number,
): { gpuOf: number[]; endMs: number; isComplete: boolean } {
  for (const gpu of gpus) Object.assign(gpu, { loadMs: 0, longestHoldMs: 0 });
  const best = { gpuOf: [...start.gpuOf], endMs: start.endMs };
  const gpuOf: number[] = [];
  let nodes = 0;

  /** @returns false where the search is over: the bound is met, or it took too long */
  const place = (position: number, endMs: number): boolean => {
    const batch = batches[position];
    if (batch === undefined) {
      Object.assign(best, { gpuOf: [...gpuOf], endMs });
      return endMs > boundMs;
    }
    for (const [index, gpu] of gpus.entries()) {
      // Among GPUs that stand alike, one is as good as another.
      const isRepeated = gpus.some((other, earlier) => earlier < index && areAlike(other, gpu));
      const endsMs = Math.max(endMs, endWith(gpu, batch));
      if (isRepeated || endsMs >= best.endMs) continue;
      nodes += 1;
      if (nodes > nodesMax) return false;
      const { loadMs, longestHoldMs } = gpu;
      add(gpu, batch);
      gpuOf[position] = index;
      const goesOn = place(position + 1, endsMs);
      Object.assign(gpu, { loadMs, longestHoldMs });
      if (!goesOn) return false;
    }
    return true;
  };
  place(0, 0);
  return { ...best, isComplete: nodes <= nodesMax };
}

function areAlike(left: Gpu, right: Gpu): boolean {
  return (
    left.freeAtMs === right.freeAtMs &&
    left.loadMs === right.loadMs &&
    left.longestHoldMs === right.longestHoldMs
  );
}

function add(gpu: Gpu, { runMs, holdMs }: Batch): void {
  gpu.loadMs += runMs + holdMs;
  gpu.longestHoldMs = Math.max(gpu.longestHoldMs, holdMs);
}

function endOf({ freeAtMs, loadMs, longestHoldMs }: Gpu): number {
  return freeAtMs + loadMs - longestHoldMs;
}

function endWith(gpu: Gpu, { runMs, holdMs }: Batch): number {
  return gpu.freeAtMs + gpu.loadMs + runMs + holdMs - Math.max(gpu.longestHoldMs, holdMs);
}

function longestHoldLast<Timed extends Batch>(batches: readonly Timed[]): readonly Timed[] {
  const last = batches.reduce<Timed | undefined>(
    (longest, next) => (longest === undefined || next.holdMs > longest.holdMs ? next : longest),
    undefined,
  );
  return last === undefined ? [] : [...batches.filter((batch) => batch !== last), last];
}
