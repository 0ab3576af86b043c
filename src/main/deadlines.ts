/**
 * How long main waits, worked out from moments instead of spans: a state that
 * is entered again (a second signal, a shorter deadline) waits for the same
 * moment, and never longer. Moments and spans are milliseconds, the moments on
 * the monotonic clock that threads share; a deadline that is not known is
 * `Infinity`.
 */

/** What a thread may take, after the deadline, to force the rest and return its totals. */
const KILL_GRACE_MS = 500;
/** The same for the shards of a server, those that have to be killed included. */
const REPORT_GRACE_MS = 900;
/** Of the time that a shutdown has, waiting for load balancers may take so much. */
const MAX_WITHDRAWAL_SHARE = 0.5;

/** Of that time, so much may pass before it is an instance's turn to drain; the rest is for draining. */
const WAITING_SHARE = 0.75;

/** How long until a moment; 0 once it has passed. */
export function timeUntil(moment: number, now: number): number {
  return Math.max(0, moment - now);
}

/** When a shutdown began, and what it has planned. */
export interface WithdrawalTimes {
  readonly begunAt: number;
  readonly delayMs: number;
  readonly deadline: number;
}

/** How long readiness is off before the shutdown is broadcast. A deadline shorter than planned leaves time to close all the same. */
export function withdrawalDelay(
  { begunAt, delayMs, deadline }: WithdrawalTimes,
  now: number,
): number {
  const longestMs = (deadline - begunAt) * MAX_WITHDRAWAL_SHARE;
  return timeUntil(begunAt + Math.min(delayMs, longestMs), now);
}

/** How long an instance may still wait for its turn to drain, of the time from a moment to a deadline. */
export function turnDelay(
  begunAt: number,
  deadline: number,
  now: number,
): number {
  return timeUntil(begunAt + (deadline - begunAt) * WAITING_SHARE, now);
}

/** How long a thread may go on that has told everyone. Without a deadline there is no time to be left. */
export function killDelay(deadline: number, now: number): number {
  return graceAfter(deadline, KILL_GRACE_MS, now);
}

/** How long the server waits for its last shard. */
export function reportDelay(deadline: number, now: number): number {
  return graceAfter(deadline, REPORT_GRACE_MS, now);
}

function graceAfter(deadline: number, graceMs: number, now: number): number {
  return Number.isFinite(deadline)
    ? timeUntil(deadline + graceMs, now)
    : graceMs;
}

/** Of the time that a drain, a reload or an upgrade has, moves may use this share; the rest is for closing what could not move. */
const MOVING_SHARE = 0.5;

/** Until when connections may move, of those that have to be gone within so much time. */
export function moveDeadline(withinMs: number, now: number): number {
  return now + withinMs * MOVING_SHARE;
}

/** How often main looks at what tells nobody when it changes. */
export const POLL_MS = 25;

/** Waits until something has settled, and no longer than so many milliseconds. Leaves no timer behind. */
export async function settledWithin(
  work: Promise<unknown>,
  ms: number,
): Promise<void> {
  const { promise: tooLate, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([Promise.allSettled([work]), tooLate]);
  clearTimeout(timer);
}
