import { describe, expect, it } from "vitest";
import { Heartbeat } from "../../../../src/workers/lifecycle/heartbeat.ts";
import { Registry } from "../../../../src/workers/lifecycle/registry.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";

const INTERVAL_MS = 30_000;

function beat(count: number, intervalMs = INTERVAL_MS) {
  const clock = new FakeClock();
  const registry = new Registry();
  const connections = Array.from(
    { length: count },
    (_, index) => new FakeConnection(index + 1),
  );
  for (const connection of connections) registry.add(connection);
  const heartbeat = new Heartbeat(registry, clock, intervalMs);
  const [first] = connections as [FakeConnection];
  return { clock, connections, first, heartbeat };
}

describe("the heartbeat", () => {
  it("asks a peer that has been silent for the interval, and not long before", () => {
    const { clock, first } = beat(1);
    clock.advance(INTERVAL_MS / 2);
    expect(first.told).toEqual([]);
    clock.advance(INTERVAL_MS / 2);
    expect(first.told).toEqual(["heartbeat.due"]);
  });

  it("asks one that only ever answers once in every interval", () => {
    const { clock, first } = beat(1);
    const pings: number[] = [];
    for (let ms = 0; ms < 10 * INTERVAL_MS; ms += 500) {
      clock.advance(500);
      if (first.told.length > pings.length) {
        pings.push(clock.now());
        first.isSilent = false;
      }
    }
    expect(pings.length).toBeGreaterThanOrEqual(9);
    for (const [index, at] of pings.slice(1).entries())
      expect(at - (pings[index] as number)).toBeLessThanOrEqual(
        INTERVAL_MS + 500,
      );
  });

  it("lets nobody be silent for longer than the interval, whenever it last spoke", () => {
    for (let spokeAfter = 0; spokeAfter < INTERVAL_MS; spokeAfter += 1_000) {
      const { clock, first } = beat(1);
      clock.advance(spokeAfter);
      first.told.length = 0;
      first.isSilent = false;
      clock.advance(INTERVAL_MS + 500);
      expect(first.told, `spoke after ${spokeAfter} ms`).toContain(
        "heartbeat.due",
      );
    }
  });

  it("leaves those alone that speak", () => {
    const { clock, connections } = beat(100);
    for (let i = 0; i < 30; i++) {
      clock.advance(INTERVAL_MS / 3);
      for (const connection of connections) connection.isSilent = false;
    }
    expect(connections.every(({ told }) => told.length === 0)).toBe(true);
  });

  it("spreads its pings over the interval", () => {
    const { clock, connections } = beat(6_400);
    clock.advance(INTERVAL_MS / 2);
    let most = 0;
    let asked = 0;
    for (let i = 0; i < 100; i++) {
      clock.advance(INTERVAL_MS / 100);
      const all = connections.filter(({ told }) => told.length > 0).length;
      most = Math.max(most, all - asked);
      asked = all;
    }
    expect(asked).toBe(6_400);
    expect(most).toBeLessThanOrEqual(6_400 / 16);
  });

  it("waits for no answer of a peer whose bytes nobody reads for the moment", () => {
    const { clock, first } = beat(1);
    first.isHeldBack = true;
    clock.advance(5 * INTERVAL_MS);
    expect(first.told).toContain("heartbeat.unheard");
    expect(first.told).not.toContain("heartbeat.due");
    first.told.length = 0;
    first.isHeldBack = false;
    clock.advance(INTERVAL_MS);
    expect(first.told).toEqual(["heartbeat.due"]);
  });

  it("does nothing when it is off, and nothing once it is stopped", () => {
    const off = beat(1, 0);
    expect(off.clock.waiting).toBe(0);
    const { clock, first, heartbeat } = beat(1);
    heartbeat.stop();
    expect(clock.waiting).toBe(0);
    clock.advance(3 * INTERVAL_MS);
    expect(first.told).toEqual([]);
  });
});
