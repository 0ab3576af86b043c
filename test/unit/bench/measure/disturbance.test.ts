import { describe, expect, it } from "vitest";
import { disturbances } from "../../../../bench/measure/disturbance.ts";
import { hasSettled } from "../../../../bench/measure/settle.ts";
import type { WindowUse } from "../../../../bench/measure/window.ts";

const apart = { serverCores: [0], loadCores: [1] };
const quiet: WindowUse = {
  elapsedMicros: 1_000_000,
  serverMicros: 900_000,
  serverKernelMicros: 600_000,
  serverMainThreadMicros: 900_000,
  loadMicros: 800_000,
  benchMicros: 1000,
  serverCores: { busyMicros: 910_000, stealMicros: 0 },
  loadCores: { busyMicros: 810_000, stealMicros: 0 },
};

describe("a window", () => {
  it("is undisturbed when our own processes account for the cores", () => {
    expect(disturbances(quiet, apart)).toEqual([]);
  });

  it("says how much others used of the server's core", () => {
    const use = {
      ...quiet,
      serverMicros: 700_000,
    };
    expect(disturbances(use, apart)).toEqual([
      "other processes used 21 % of the server's core",
    ]);
  });

  it("says how much others used of the load's core", () => {
    const use = { ...quiet, loadMicros: 500_000 };
    expect(disturbances(use, apart)).toEqual([
      "other processes used 31 % of the load's core",
    ]);
  });

  it("says what the hypervisor took", () => {
    const use = {
      ...quiet,
      loadCores: { busyMicros: 810_000, stealMicros: 50_000 },
    };
    expect(disturbances(use, apart)).toEqual([
      "the hypervisor took 5 % of the time",
    ]);
  });

  it("counts server and load together where they share cores", () => {
    const shared = { serverCores: [0, 1], loadCores: [1] };
    const both = { busyMicros: 1_720_000, stealMicros: 0 };
    expect(disturbances({ ...quiet, serverCores: both }, shared)).toEqual([]);
    const more = { busyMicros: 2_000_000, stealMicros: 0 };
    expect(disturbances({ ...quiet, serverCores: more }, shared)).toEqual([
      "other processes used 30 % of the shared cores",
    ]);
  });
});

describe("a series of readings", () => {
  const options = { tolerance: 0.01, readings: 3 };

  it("has not settled before there are enough of them", () => {
    expect(hasSettled([100, 100], options)).toBe(false);
  });

  it("has settled when the last ones agree, whatever came before", () => {
    expect(hasSettled([5, 100, 100.5, 100], options)).toBe(true);
  });

  it("has not settled while it still moves", () => {
    expect(hasSettled([100, 102, 104], options)).toBe(false);
  });
});
