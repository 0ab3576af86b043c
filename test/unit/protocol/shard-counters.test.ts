import { describe, expect, it } from "vitest";
import { connectionTable } from "../../../src/machines/connection-table.ts";
import { ShardCounters } from "../../../src/protocol/shard-counters.ts";
import { bucketOf } from "../../../src/protocol/histogram.ts";

/** A shard that was handed 10 sockets, of which 2 upgrade, 1 was rejected and 7 opened; 3 of those have ended. */
function busyShard(): ShardCounters {
  const counters = new ShardCounters();
  counters.set("handed", 10);
  counters.set("rejected", 1);
  counters.set("opened", 7);
  counters.set("clean", 2);
  counters.set("lost", 1);
  return counters;
}

describe("the counters of a shard", () => {
  it("are the same memory to whoever has the buffer", () => {
    const written = new ShardCounters();
    const read = new ShardCounters(written.buffer);
    written.add("opened", 2);
    written.states[1] = 5;
    written.edges[3] = 7;
    written.closeCodes[4999] = 1;
    written.addVisit(2, 0.0125);
    expect(read.get("opened")).toBe(2);
    expect(read.states[1]).toBe(5);
    expect(read.edges[3]).toBe(7);
    expect(read.closeCodes[4999]).toBe(1);
    const bucket = bucketOf(0.0125);
    expect(read.histogram(2)[bucket]).toBe(1);
    expect(read.histogram(1)[bucket]).toBe(0);
    expect(read.longestVisitMs(2)).toBe(0.0125);
  });

  it("keep the longest visit and move, also of a shard that they take over", () => {
    const [counters, other] = [new ShardCounters(), new ShardCounters()];
    for (const ms of [3, 100.1, 20]) counters.addVisit(1, ms);
    for (const ms of [7, 120.3]) other.addVisit(1, ms);
    counters.addMove(2.5);
    other.addMove(1.5);
    counters.absorb(other);
    expect(counters.longestVisitMs(1)).toBe(120.3);
    expect(counters.longestVisitMs(0)).toBe(0);
    expect(counters.longestMoveMs).toBe(2.5);
  });

  it("show a dead thread as idle", () => {
    const counters = busyShard();
    counters.set("utilization", 0.8);
    counters.set("loopDelayP99", 40);
    counters.bookDeath();
    expect(counters.get("utilization")).toBe(0);
    expect(counters.get("loopDelayP99")).toBe(0);
  });

  it("know what is live and what upgrades", () => {
    const counters = busyShard();
    expect(counters.live).toBe(4);
    expect(counters.upgrading).toBe(2);
  });

  it("book every live connection as crashed when the thread dies", () => {
    const counters = busyShard();
    counters.states[1] = 4;
    counters.set("handlers", 3);
    expect(counters.bookDeath()).toBe(4);
    expect(counters.get("crashed")).toBe(4);
    expect(counters.get("abandoned")).toBe(2);
    expect(counters.closeCodes[1006]).toBe(4);
    expect(counters.live).toBe(0);
    expect(counters.upgrading).toBe(0);
    expect([...counters.states].every((count) => count === 0)).toBe(true);
    expect(counters.get("handlers")).toBe(0);
  });

  it("book who spoke plain HTTP when the thread dies as cut, or as served where nothing was unanswered", () => {
    const counters = busyShard();
    counters.add("handed", 6);
    const at = (name: string): number =>
      connectionTable.states.findIndex((state) => state.name === name);
    counters.states[at("plain.idle")] = 2;
    counters.states[at("plain.ending")] = 1;
    counters.states[at("plain.receiving")] = 1;
    counters.states[at("plain.answering")] = 1;
    counters.states[at("plain.failing")] = 1;
    expect(counters.plain).toBe(6);
    expect(counters.upgrading).toBe(2);
    counters.bookDeath();
    expect(counters.get("served")).toBe(3);
    expect(counters.get("cut")).toBe(3);
    expect(counters.get("abandoned")).toBe(2);
    expect(counters.load).toBe(0);
  });

  it("book nothing twice", () => {
    const counters = busyShard();
    counters.bookDeath();
    expect(counters.bookDeath()).toBe(0);
    expect(counters.get("crashed")).toBe(4);
    expect(counters.get("abandoned")).toBe(2);
    expect(counters.closeCodes[1006]).toBe(4);
  });

  it("go on counting for the thread that comes next", () => {
    const counters = busyShard();
    counters.bookDeath();
    counters.add("handed", 2);
    counters.add("opened");
    expect(counters.live).toBe(1);
    expect(counters.upgrading).toBe(1);
    expect(counters.bookDeath()).toBe(1);
    expect(counters.get("crashed")).toBe(5);
    expect(counters.get("abandoned")).toBe(3);
  });
});
