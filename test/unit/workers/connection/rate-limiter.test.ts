import { describe, expect, it } from "vitest";
import { RateLimiter } from "../../../../src/workers/connection/rate-limiter.ts";

/** Takes messages of a size at a time; how many were allowed. */
function allowed(
  limiter: RateLimiter,
  count: number,
  bytes: number,
  nowMs: number,
): number {
  let taken = 0;
  for (let i = 0; i < count; i++) if (limiter.take(1, bytes, nowMs)) taken++;
  return taken;
}

describe("the rate limiter", () => {
  it("lets a second's worth pass in one burst, and no more", () => {
    const limiter = new RateLimiter(
      { maxMessagesPerSecond: 10, maxBytesPerSecond: 0 },
      0,
    );
    expect(allowed(limiter, 10, 1_000_000, 0)).toBe(10);
    expect(limiter.take(1, 1, 0)).toBe(false);
  });

  it("lets the rate pass for ever", () => {
    const limiter = new RateLimiter(
      { maxMessagesPerSecond: 10, maxBytesPerSecond: 0 },
      0,
    );
    for (let ms = 100; ms <= 60_000; ms += 100)
      expect(limiter.take(1, 1, ms)).toBe(true);
  });

  it("saves up no more than a second's worth", () => {
    const limiter = new RateLimiter(
      { maxMessagesPerSecond: 5, maxBytesPerSecond: 0 },
      0,
    );
    expect(allowed(limiter, 6, 1, 3_600_000)).toBe(5);
  });

  it("counts bytes as well, and lets a message of the limit have a header", () => {
    const limiter = new RateLimiter(
      { maxMessagesPerSecond: 0, maxBytesPerSecond: 1000 },
      0,
    );
    expect(limiter.take(1, 14, 0)).toBe(true);
    expect(limiter.take(0, 1000, 0)).toBe(true);
    expect(limiter.take(0, 1, 0)).toBe(false);
  });

  it("takes bytes that belong to a frame before them", () => {
    const limiter = new RateLimiter(
      { maxMessagesPerSecond: 1, maxBytesPerSecond: 1000 },
      0,
    );
    expect(limiter.take(1, 500, 0)).toBe(true);
    expect(limiter.take(0, 500, 0)).toBe(true);
    expect(limiter.take(0, 15, 0)).toBe(false);
  });

  it("limits nothing that has no limit", () => {
    const limiter = new RateLimiter(
      { maxMessagesPerSecond: 0, maxBytesPerSecond: 0 },
      0,
    );
    expect(allowed(limiter, 10_000, 1_000_000, 0)).toBe(10_000);
  });

  it("gives nothing for a clock that stands still", () => {
    const limiter = new RateLimiter(
      { maxMessagesPerSecond: 1, maxBytesPerSecond: 0 },
      500,
    );
    expect(limiter.take(1, 1, 500)).toBe(true);
    expect(limiter.take(1, 1, 500)).toBe(false);
  });
});
