import type { Allowance } from "../../protocol/handover-messages.ts";

/** The longest header of a frame (RFC 6455, 5.2): with it, a message may be as large as all that a second may bring. */
const HEADER_BYTES = 14;

/** What a second may bring, 0 for no limit: frames of any kind, and bytes as they come. */
export interface RateLimits {
  maxMessagesPerSecond: number;
  maxBytesPerSecond: number;
}

/**
 * One connection's allowance of frames and bytes: two token buckets, each
 * holding what one second may bring, so a burst of a second's worth passes.
 */
export class RateLimiter {
  readonly #limits: RateLimits;
  #messages: number;
  #bytes: number;
  #filledAt: number;

  /** @param left - What another thread's limiter had left. */
  constructor(limits: RateLimits, nowMs: number, left?: Allowance) {
    this.#limits = limits;
    this.#messages = left?.messages ?? limits.maxMessagesPerSecond;
    this.#bytes = left?.bytes ?? limits.maxBytesPerSecond;
    this.#filledAt = left?.filledAt ?? nowMs;
  }

  /** What is left, for the limiter that goes on in another thread. */
  get allowance(): Allowance {
    return {
      messages: this.#messages,
      bytes: this.#bytes,
      filledAt: this.#filledAt,
    };
  }

  /** Takes so many frames and bytes; false when it is more than the limits allow. */
  take(frames: number, bytes: number, nowMs: number): boolean {
    const { maxMessagesPerSecond, maxBytesPerSecond } = this.#limits;
    const seconds = (nowMs - this.#filledAt) / 1000;
    this.#filledAt = nowMs;
    this.#messages =
      refill(this.#messages, maxMessagesPerSecond, seconds) - frames;
    this.#bytes = refill(this.#bytes, maxBytesPerSecond, seconds) - bytes;
    const isTooMany = maxMessagesPerSecond > 0 && this.#messages < 0;
    const isTooMuch = maxBytesPerSecond > 0 && this.#bytes < -HEADER_BYTES;
    return !isTooMany && !isTooMuch;
  }
}

function refill(left: number, perSecond: number, seconds: number): number {
  return Math.min(perSecond, left + perSecond * seconds);
}
