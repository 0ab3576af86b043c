/**
 * The monotonic time in milliseconds on an axis that every thread of the
 * machine shares, so that a deadline can be sent to another thread as it is.
 * (`performance.now()` starts anew in each thread.)
 */
const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();

export function monotonicNow(): number {
  return performance.now() + offset;
}
