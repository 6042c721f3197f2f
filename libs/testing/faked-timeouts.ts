/**
 * For `jest.useFakeTimers`: timeouts pass when the spec says so, however long a busy machine takes to come there. What
 * sockets and promises are driven by stays real.
 */
export const FAKED_TIMEOUTS: {
  doNotFake: ('nextTick' | 'setImmediate' | 'queueMicrotask' | 'performance')[];
} = { doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'] };
