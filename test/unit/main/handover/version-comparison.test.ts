import { describe, expect, it } from "vitest";
import {
  VersionComparison,
  type Tally,
  takeTally,
} from "../../../../src/main/handover/version-comparison.ts";
import type { Cohort, HookName } from "../../../../src/protocol/hook-names.ts";
import { ShardCounters } from "../../../../src/protocol/shard-counters.ts";

/** One version's only shard, at work. */
class Version {
  readonly counters = new ShardCounters();

  connects(count: number): this {
    this.counters.add("handed", count);
    this.counters.add("opened", count);
    return this;
  }

  takesIn(count: number): this {
    this.counters.add("movedIn", count);
    return this;
  }

  fails(hook: HookName, count: number, cohort: Cohort = "moved"): this {
    for (let i = 0; i < count; i++) this.counters.addHookFailure(cohort, hook);
    return this;
  }

  at(time: number): Tally {
    return takeTally([this], time);
  }
}

/** A trial: a second of the old version alone, and then so many connections moved. */
function trial({ live = 1000, moved = 20, newcomersBefore = 0 } = {}) {
  const old = new Version().connects(live);
  const began = old.at(-1000);
  old.connects(newcomersBefore);
  const entering = new Version();
  const comparison = new VersionComparison(began, old.at(0), entering.at(0));
  entering.takesIn(moved);
  comparison.findFault(old.at(0), entering.at(0));
  return {
    old,
    entering,
    faultAfter: (ms: number) =>
      comparison.findFault(old.at(ms), entering.at(ms)),
  };
}

describe("the comparison", () => {
  it("has nothing to say of a version whose hooks do not fail", () => {
    expect(trial().faultAfter(500)).toBeUndefined();
  });

  it("names the hook and the numbers of both versions", () => {
    const { entering, old, faultAfter } = trial();
    old.fails("message", 1, "new");
    entering.fails("message", 8);
    expect(faultAfter(500)).toEqual({
      hook: "message",
      cohort: "moved",
      said: "message failed for 8 of 20 connections that had moved, and meanwhile for 1 of 1001 with the old version",
    });
  });

  it("sees two of two fail, where nobody fails with the old version", () => {
    const { entering, faultAfter } = trial({ live: 58, moved: 2 });
    entering.fails("message", 2);
    expect(faultAfter(25)).toMatchObject({ hook: "message" });
  });

  it("judges nothing by a single connection", () => {
    const { entering, faultAfter } = trial({ live: 40, moved: 1 });
    entering.fails("message", 1);
    expect(faultAfter(25)).toBeUndefined();
  });

  it("lets one in a hundred fail", () => {
    const { entering, faultAfter } = trial({ live: 10_000, moved: 200 });
    entering.fails("message", 2);
    expect(faultAfter(500)).toBeUndefined();
    entering.fails("message", 1);
    expect(faultAfter(600)).toMatchObject({ hook: "message" });
  });

  it("bears what fails as often with the old version over the same time", () => {
    const { old, entering, faultAfter } = trial({ live: 1000, moved: 20 });
    old.fails("message", 200, "new");
    entering.fails("message", 4);
    expect(faultAfter(500)).toBeUndefined();
    entering.fails("message", 12);
    expect(faultAfter(600)).toMatchObject({ hook: "message" });
  });

  it("judges each hook for itself: what fails in one excuses no other", () => {
    const { old, entering, faultAfter } = trial({ live: 1000, moved: 20 });
    old.fails("message", 500, "new");
    entering.fails("resume", 5);
    expect(faultAfter(500)).toMatchObject({ hook: "resume" });
  });

  it("counts nothing from before the trial", () => {
    const old = new Version().connects(100).fails("message", 50);
    const entering = new Version().takesIn(3).fails("message", 3);
    const comparison = new VersionComparison(
      old.at(-1000),
      old.at(0),
      entering.at(0),
    );
    entering.takesIn(20);
    expect(comparison.findFault(old.at(100), entering.at(100))).toBeUndefined();
    // Nor does it excuse anything.
    entering.fails("message", 5);
    expect(comparison.findFault(old.at(200), entering.at(200))).toMatchObject({
      said: expect.stringContaining("for 0 of 100 with the old version"),
    });
  });

  it.each([0, 50])(
    "does not let strangers veto a version, where %d others came in a second before",
    (newcomersBefore) => {
      const { entering, faultAfter } = trial({ newcomersBefore });
      entering.connects(newcomersBefore).fails("authorize", 10_000, "new");
      entering.connects(500).fails("message", 500, "new");
      expect(faultAfter(1000)).toBeUndefined();
    },
  );

  it("does not expect those to be served that the old version did not serve either", () => {
    const old = new Version().connects(100);
    const began = old.at(-1000);
    old.connects(40).fails("message", 40, "new");
    const entering = new Version();
    const comparison = new VersionComparison(began, old.at(0), entering.at(0));
    entering.fails("authorize", 40, "new");
    expect(
      comparison.findFault(old.at(1000), entering.at(1000)),
    ).toBeUndefined();
  });

  it("sees that newcomers are served no more", () => {
    const { entering, faultAfter } = trial({ newcomersBefore: 50 });
    entering.fails("authorize", 40, "new");
    entering.connects(5).fails("opened", 5, "new");
    expect(faultAfter(1000)).toEqual({
      hook: "authorize",
      cohort: "new",
      said: "authorize failed for 40 new connections and 0 were served, where the old version had 50 in the same time",
    });
  });

  it("does not take a lull for a failure", () => {
    const { entering, faultAfter } = trial({ newcomersBefore: 50 });
    entering.fails("authorize", 9, "new");
    expect(faultAfter(1000)).toBeUndefined();
  });
});
