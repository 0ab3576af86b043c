import { describe, expect, it } from "vitest";
import type { DrainPlan } from "../../../../src/protocol/messages.ts";
import { ShardDrain } from "../../../../src/workers/lifecycle/shard-drain.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";

function depart(count: number, details: Partial<DrainPlan> = {}) {
  const clock = new FakeClock();
  const connections = Array.from(
    { length: count },
    (_, index) => new FakeConnection(index + 1),
  );
  const plan: DrainPlan = {
    deadline: clock.now() + 8_000,
    closeCode: 1012,
    rate: 1_000,
    retryMinMs: 0,
    retrySpreadMs: 60_000,
    shards: 1,
    turn: 0,
    ...details,
  };
  const heard = { told: [] as number[], drained: 0 };
  const drain = new ShardDrain({
    clock,
    plan,
    targets: connections,
    onNotified: (told) => heard.told.push(told),
    onDrained: () => heard.drained++,
  });
  const toldCount = (): number =>
    connections.filter(({ told }) => told.length > 0).length;
  const end = (connection: FakeConnection): void => {
    connection.end();
    drain.ended(connection);
  };
  return { clock, connections, plan, drain, heard, toldCount, end };
}

describe("a drain", () => {
  it("tells everyone once, with the code, a time to come back and the deadline", () => {
    const { clock, connections, drain, plan } = depart(10);
    drain.start();
    clock.advance(1_000);
    for (const [index, connection] of connections.entries()) {
      const { told, closeStatus, deadline } = connection;
      expect(told).toEqual(["shutdown.requested"]);
      expect(closeStatus).toEqual({
        code: 1012,
        reason: `retry-after-ms=${6_000 * (index + 0.5)}`,
      });
      expect(deadline).toBe(plan.deadline);
    }
  });

  it("keeps to its pace", () => {
    const { clock, drain, toldCount } = depart(2_000);
    drain.start();
    for (let ms = 0; ms < 2_000; ms += 100) {
      expect(toldCount()).toBeLessThanOrEqual(ms + 21);
      expect(toldCount()).toBeGreaterThanOrEqual(ms - 21);
      clock.advance(100);
    }
    clock.advance(40);
    expect(toldCount()).toBe(2_000);
  });

  it("lets the thread turn between batches when it tells everyone at once", () => {
    const { clock, drain, toldCount } = depart(1_000, {
      rate: "unlimited",
    });
    drain.start();
    expect(toldCount()).toBeGreaterThan(0);
    expect(toldCount()).toBeLessThan(1_000);
    const startedAt = clock.now();
    clock.advance(0);
    expect(toldCount()).toBe(1_000);
    expect(clock.now()).toBe(startedAt);
  });

  it("catches up after the thread stood still", () => {
    const { clock, drain, toldCount } = depart(2_000);
    drain.start();
    clock.stall(1_500);
    clock.advance(1);
    expect(toldCount()).toBeGreaterThanOrEqual(1_500);
  });

  it("says so when the last was told, and once the last has ended", () => {
    const { clock, connections, drain, heard, end } = depart(3);
    drain.start();
    expect(heard).toEqual({ told: [], drained: 0 });
    clock.advance(100);
    expect(heard).toEqual({ told: [3], drained: 0 });
    for (const connection of connections.slice(0, 2)) end(connection);
    expect(heard.drained).toBe(0);
    end(connections[2] as FakeConnection);
    expect(heard).toEqual({ told: [3], drained: 1 });
  });

  it("is over at once when there is nobody to tell", () => {
    const { clock, drain, heard } = depart(0);
    drain.start();
    expect(heard).toEqual({ told: [0], drained: 1 });
    expect(clock.waiting).toBe(0);
  });

  it("neither tells nor counts those who ended before it was their turn", () => {
    const { clock, connections, drain, heard, end } = depart(4);
    for (const connection of connections.slice(2)) end(connection);
    drain.start();
    clock.advance(100);
    expect(heard.told).toEqual([2]);
    expect(connections.map(({ told }) => told.length)).toEqual([1, 1, 0, 0]);
  });

  it("tells nobody else once it is called off, and waits for those it told", () => {
    const { clock, connections, drain, heard, toldCount, end } = depart(1_000);
    drain.start();
    clock.advance(500);
    const told = toldCount();
    drain.callOff();
    expect(heard).toEqual({ told: [told], drained: 0 });
    clock.advance(10_000);
    expect(toldCount()).toBe(told);
    for (const connection of connections.slice(0, told)) end(connection);
    expect(heard).toEqual({ told: [told], drained: 1 });
  });

  it("can be called off when it is over, to no effect", () => {
    const { clock, drain, heard } = depart(1);
    drain.start();
    clock.advance(100);
    drain.callOff();
    expect(heard.told).toEqual([1]);
  });

  it("can be hurried: all who are left are told at once, each with its own time, and once", () => {
    const { clock, connections, drain, heard, toldCount } = depart(1_000);
    drain.start();
    clock.advance(500);
    drain.hurry();
    expect(toldCount()).toBe(1_000);
    expect(heard.told).toEqual([1_000]);
    expect(clock.waiting).toBe(0);
    drain.hurry();
    expect(heard.told).toEqual([1_000]);
    const reasons = connections.map(({ closeStatus }) => closeStatus?.reason);
    expect(new Set(reasons).size).toBe(1_000);
  });

  it("neither tells anew nor forgets who is on its way out by a deadline that is no later", () => {
    const { connections, plan, drain, heard, end } = depart(3);
    const [sooner, same, later] = connections as [
      FakeConnection,
      FakeConnection,
      FakeConnection,
    ];
    sooner.limitDeadline(plan.deadline - 1);
    same.limitDeadline(plan.deadline);
    later.limitDeadline(plan.deadline + 1);
    drain.start();
    drain.hurry();
    expect(connections.map(({ told }) => told.length)).toEqual([0, 0, 1]);
    expect(connections.map(({ deadline }) => deadline - plan.deadline)).toEqual(
      [-1, 0, 0],
    );
    for (const connection of [later, same]) end(connection);
    expect(heard.drained).toBe(0);
    end(sooner);
    expect(heard.drained).toBe(1);
  });

  it("does not wait for one that has ended and is told all the same", () => {
    const { drain, heard } = depart(0);
    const gone = new FakeConnection(99);
    gone.end();
    drain.tell(gone, 0);
    drain.start();
    expect(heard.drained).toBe(1);
  });

  it("gives the first who comes late the middle of the time, and the next one far from it", () => {
    const { drain } = depart(0, { retryMinMs: 0, retrySpreadMs: 10_000 });
    const times = Array.from({ length: 3 }, (_, number) => {
      const late = new FakeConnection(number);
      drain.tellLate(late);
      return Number(late.closeStatus?.reason.replace("retry-after-ms=", ""));
    });
    // Each is as far from those before it as a share of the golden ratio of the circle.
    expect(times.map(Math.round)).toEqual([5_000, 1_180, 7_361]);
  });

  it("waits also for one that was told out of turn", () => {
    const { drain, heard, end } = depart(0, {});
    const late = new FakeConnection(99);
    drain.tell(late, 0);
    drain.start();
    expect(late.told).toHaveLength(1);
    expect(heard).toEqual({ told: [0], drained: 0 });
    end(late);
    expect(heard.drained).toBe(1);
  });

  it("gives everyone who comes late a time of their own, within that of the others", () => {
    const { drain } = depart(0, { retryMinMs: 100, retrySpreadMs: 1_000 });
    drain.start();
    const times = Array.from({ length: 50 }, (_, number) => {
      const late = new FakeConnection(number);
      drain.tellLate(late);
      const reason = late.closeStatus?.reason ?? "";
      return Number(reason.replace("retry-after-ms=", ""));
    });
    expect(new Set(times).size).toBe(times.length);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...times)).toBeLessThanOrEqual(1_100);
    // Spread, and not in a row: each half has about half of them.
    const early = times.filter((time) => time < 600).length;
    expect(early).toBeGreaterThan(20);
    expect(early).toBeLessThan(30);
  });
});
