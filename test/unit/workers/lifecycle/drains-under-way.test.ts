import { describe, expect, it } from "vitest";
import type { DrainPlan } from "../../../../src/protocol/messages.ts";
import {
  type DrainId,
  DrainsUnderWay,
} from "../../../../src/workers/lifecycle/drains-under-way.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";

const DEADLINE_MS = 8_000;

/** A shard with so many connections, and what it says of its drains. */
function stage(count = 3) {
  const clock = new FakeClock();
  const registry = Array.from(
    { length: count },
    (_, index) => new FakeConnection(index + 1),
  );
  const said: string[] = [];
  const drains = new DrainsUnderWay<FakeConnection>({
    clock,
    registry,
    drainNotified: (drain: DrainId, told) => said.push(`${drain} told ${told}`),
    drained: (drain) => said.push(`${drain} is over`),
  });
  const plan = (details: Partial<DrainPlan> = {}): DrainPlan => ({
    deadline: clock.now() + DEADLINE_MS,
    closeCode: 1012,
    rate: "unlimited",
    retryMinMs: 0,
    retrySpreadMs: 60_000,
    shards: 1,
    turn: 0,
    ...details,
  });
  const end = (connection: FakeConnection): void => {
    connection.end();
    drains.ended(connection);
  };
  const told = (): number[] =>
    registry
      .filter((each) => each.told.includes("shutdown.requested"))
      .map(({ number }) => number);
  const [first, second, third] = registry as [
    FakeConnection,
    FakeConnection,
    FakeConnection,
  ];
  return {
    clock,
    registry,
    said,
    drains,
    plan,
    end,
    told,
    first,
    second,
    third,
  };
}

describe("the drains of a shard", () => {
  it("tell those who are open and meant, and are over when these have ended", () => {
    const { said, drains, plan, end, told, first, second, third } = stage();
    second.enter("upgrading.handshaking");
    drains.drain(5, plan(), ({ number }) => number !== 3);
    expect(told()).toEqual([1]);
    expect(said.splice(0)).toEqual(["5 told 1"]);
    expect(drains.size).toBe(1);
    end(third);
    expect(said).toEqual([]);
    end(first);
    expect(said).toEqual(["5 is over"]);
    expect(drains.size).toBe(0);
  });

  it("are over at once where nobody is meant", () => {
    const { said, drains, plan } = stage();
    drains.drain(1, plan(), () => false);
    expect(said).toEqual(["1 told 0", "1 is over"]);
    expect(drains.size).toBe(0);
  });

  it("are of two kinds: while one is only aimed at some, nobody shuts down", () => {
    const { drains, plan } = stage();
    drains.drain(1, plan(), () => true);
    expect(drains.isShuttingDown).toBe(false);
    drains.shutDown(plan());
    expect(drains.isShuttingDown).toBe(true);
  });

  it("tell at a shutdown also those who are upgrading or closing, and at once", () => {
    const { clock, said, drains, plan, end, told, registry } = stage(40);
    const [first, second] = registry as [FakeConnection, FakeConnection];
    first.enter("upgrading.handshaking");
    second.enter("closing");
    drains.shutDown(plan({ rate: 10 }));
    expect(told()).toEqual([1, 2]);
    expect([first.deadline, second.deadline]).toEqual([
      clock.now() + DEADLINE_MS,
      clock.now() + DEADLINE_MS,
    ]);
    clock.advance(DEADLINE_MS);
    expect(told()).toHaveLength(40);
    expect(said).toEqual(["shutdown told 38"]);
    for (const connection of registry) end(connection);
    // Its thread ends; main need not be told of each.
    expect(said).toEqual(["shutdown told 38"]);
    expect(drains.size).toBe(0);
  });

  it("make way for a shutdown with a time of its own", () => {
    const { clock, said, drains, plan, told, registry } = stage(40);
    drains.shutDown(plan({ rate: 10 }));
    const before = told().length;
    expect(before).toBeLessThan(40);
    drains.shutDown(plan({ deadline: clock.now() + 500 }));
    expect(told()).toHaveLength(40);
    // The first has told nobody's last, and is not heard of any more.
    expect(said).toEqual(["shutdown told 40"]);
    clock.advance(60_000);
    expect(said).toEqual(["shutdown told 40"]);
    expect(registry.every(({ deadline }) => deadline < clock.now())).toBe(true);
  });

  it("tell nobody else once they are called off, and say to whom it was said", () => {
    const { clock, said, drains, plan, end, told, registry } = stage(40);
    drains.drain(1, plan({ rate: 10 }), () => true);
    clock.advance(400);
    const notified = told();
    expect(notified.length).toBeGreaterThan(0);
    expect(notified.length).toBeLessThan(40);
    drains.callOff(1);
    clock.advance(DEADLINE_MS);
    expect(told()).toEqual(notified);
    expect(said.splice(0)).toEqual([`1 told ${notified.length}`]);
    for (const connection of registry.filter(
      ({ told: heard }) => heard.length > 0,
    ))
      end(connection);
    expect(said).toEqual(["1 is over"]);
    drains.callOff(1);
    drains.callOff(99);
    expect(said).toHaveLength(1);
  });

  it("say nothing of a shutdown that is called off, which is none any more", () => {
    const { clock, said, drains, plan } = stage(40);
    drains.shutDown(plan({ rate: 10 }));
    drains.callOff("shutdown");
    clock.advance(DEADLINE_MS);
    expect(drains.isShuttingDown).toBe(false);
    expect(said).toEqual([]);
  });

  it("tell who comes late of a shutdown, and of nothing else", () => {
    const { drains, plan } = stage();
    const [early, late] = [new FakeConnection(50), new FakeConnection(51)];
    drains.arrived(early);
    drains.drain(1, plan(), () => true);
    drains.arrived(early);
    expect(early.told).toEqual([]);
    drains.shutDown(plan());
    drains.arrived(late);
    expect(late.told).toEqual(["shutdown.requested"]);
  });

  it("leave nobody any time once they are forced: those who were not told are, and all hear that it is over", () => {
    const { clock, said, drains, plan, told, registry } = stage(40);
    drains.shutDown(plan({ rate: 10 }));
    expect(told().length).toBeLessThan(40);
    drains.force();
    expect(told()).toHaveLength(40);
    expect(said).toEqual(["shutdown told 40"]);
    for (const { told: heard, deadline, closeStatus } of registry) {
      expect(heard).toEqual(["shutdown.requested", "deadline.reached"]);
      expect(deadline).toBe(clock.now());
      expect(closeStatus?.reason).toMatch(/^retry-after-ms=/);
    }
    clock.advance(DEADLINE_MS);
    expect(said).toHaveLength(1);
    expect(clock.waiting).toBe(0);
  });

  it("force also those who were told of nothing", () => {
    const { clock, drains, first } = stage(1);
    drains.force();
    expect([first.told, first.deadline]).toEqual([
      ["deadline.reached"],
      clock.now(),
    ]);
  });
});
