/**
 * What a waiting client is sent so that no proxy, and no client, takes its connection for dead.
 * @param ended never rejects
 * @param sign sent at once, and then at every interval
 * @param tell the pieces of the end
 */
export async function* keptAlive<T>(
  ended: Promise<T>,
  sign: string,
  everyMs: number,
  tell: (value: T) => Iterable<string> | AsyncIterable<string>,
): AsyncGenerator<string, void, undefined> {
  const end = ended.then((value) => ({ value }));
  for (;;) {
    yield sign;
    const known = await within(end, everyMs);
    if (known === undefined) continue;
    yield* tell(known.value);
    return;
  }
}

/** @returns what a promise is fulfilled with; undefined: it is not, in that time */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
