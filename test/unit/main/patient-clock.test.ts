import { describe, expect, it } from "vitest";
import { PatientClock } from "../../../src/main/patient-clock.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function wait(ms: number) {
  const time = new FakeClock();
  const clock = new PatientClock(time);
  const begun = time.now();
  const endedAfter: number[] = [];
  const handle = clock.setTimeout(
    () => endedAfter.push(time.now() - begun),
    ms,
  );
  return { time, clock, handle, endedAfter };
}

describe("the clock of main's machines", () => {
  it("ends a delay when it is due", () => {
    const { time, endedAfter } = wait(1_000);
    time.advance(999);
    expect(endedAfter).toEqual([]);
    time.advance(1);
    expect(endedAfter).toEqual([1_000]);
    expect(time.waiting).toBe(0);
  });

  it("gives a moment after a standstill before it ends a delay that is over", () => {
    const { time, endedAfter } = wait(1_000);
    time.stall(5_000);
    time.advance(499);
    expect(endedAfter).toEqual([]);
    time.advance(1);
    expect(endedAfter).toEqual([5_500]);
  });

  it("gives it also where the delay was over soon after the standstill", () => {
    const { time, endedAfter } = wait(5_100);
    time.stall(5_000);
    time.advance(200);
    expect(endedAfter).toEqual([]);
    time.advance(300);
    expect(endedAfter).toEqual([5_500]);
  });

  it("ends no delay that what was read meanwhile has cancelled", () => {
    const { time, clock, handle, endedAfter } = wait(1_000);
    time.onPoll = () => clock.clearTimeout(handle);
    time.advance(2_000);
    expect(endedAfter).toEqual([]);
    expect(time.waiting).toBe(0);
  });
});
