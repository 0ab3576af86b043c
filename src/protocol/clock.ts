/** What lies between this thread's own time and the one that all share; in a simulation there is none. */
export const sharedTime = {
  offsetMs: Number(process.hrtime.bigint()) / 1e6 - performance.now(),
};

/**
 * The monotonic time in milliseconds on an axis that every thread of the
 * machine shares, so that a deadline can be sent to another thread as it is.
 * (`performance.now()` starts anew in each thread.)
 */
export function monotonicNow(): number {
  return performance.now() + sharedTime.offsetMs;
}

/**
 * A moment in nanoseconds, read from the same clock in every thread: two of
 * them can be compared wherever they were taken. (What `monotonicNow` says is
 * off by what passed between two readings when its thread began.)
 */
export function momentNow(): number {
  return Number(process.hrtime.bigint());
}
