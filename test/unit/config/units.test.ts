import { assert, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";

import {
  asDelay,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
} from "../../../src/config/units.ts";

describe("durations", () => {
  it("are no longer than a timer of Node waits, once one is to wait for them", () => {
    expect(asDelay(8_000)).toBe(8_000);
    expect(asDelay(2_147_483_648)).toBe(2_147_483_647);
    expect(asDelay(Infinity)).toBe(2_147_483_647);
  });

  it.each([
    ["500ms", 500],
    ["8s", 8000],
    ["1.5 s", 1500],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["10 seconds", 10_000],
  ])("reads %s", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(["8", "s", "-8s", "8 weeks", "8s 5ms", "1e3ms", ""])(
    "does not read %j",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it("are written so that nothing is lost", () => {
    assert(
      property(integer({ min: 1, max: 2_147_483_647 }), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
      }),
    );
  });
});

describe("sizes", () => {
  it.each([
    ["512B", 512],
    ["64KB", 65_536],
    ["64KiB", 65_536],
    ["1.5mib", 1_572_864],
    ["2 GB", 2_147_483_648],
  ])("reads %s", (text, size) => {
    expect(parseSize(text)).toBe(size);
  });

  it.each(["64", "KB", "-1KB", "12 bananas", "1KBit", ""])(
    "does not read %j",
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );

  it("are written so that nothing is lost", () => {
    assert(
      property(integer({ min: 1, max: 2 ** 40 }), (size) => {
        expect(parseSize(formatSize(size))).toBe(size);
      }),
    );
  });
});
