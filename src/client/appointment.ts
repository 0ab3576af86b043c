/** When to come back, as a close says it or as nobody does. */

/** Close codes by which a server asks its clients to come back: going away, service restart, try again later (IANA registry of RFC 6455, 11.7). */
const COMES_BACK = [1001, 1012, 1013];
const REASON = /^retry-after-ms=(\d+|never)$/;
/** A timer of JavaScript takes no more: 24.8 days. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What ends a connection: the fields of a `CloseEvent`. */
export interface Ended {
  /** Close code (RFC 6455, 7.4.1); 1006 where there was no close frame. */
  readonly code: number;
  readonly reason: string;
}

/**
 * The time until a server wants to see this client again.
 *
 * @returns milliseconds; `Infinity` for never; `undefined` when it does not say
 */
export function appointmentOf({ code, reason }: Ended): number | undefined {
  const after = COMES_BACK.includes(code) && REASON.exec(reason)?.[1];
  if (after === false || after === undefined) return undefined;
  return after === "never"
    ? Infinity
    : Math.min(Number(after), LONGEST_TIMER_MS);
}

/**
 * The longest back-off after so many failures in a row. What is waited is
 * random between 0 and it, so that clients that failed together do not return
 * together.
 *
 * @param failures - From 0.
 */
export function longestBackOffMs(
  failures: number,
  firstMs: number,
  longestMs: number,
): number {
  return Math.min(longestMs, firstMs * 2 ** failures);
}
