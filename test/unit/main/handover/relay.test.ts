import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  addReports,
  addRounds,
  type Destination,
  hasMore,
  type MoveReport,
  Relay,
} from "../../../../src/main/handover/relay.ts";
import type { Shard } from "../../../../src/main/shards/shard.ts";
import type {
  ConnectionSnapshot,
  MovingConnection,
} from "../../../../src/protocol/handover-messages.ts";
import { monotonicNow } from "../../../../src/protocol/clock.ts";
import type { MainMessage } from "../../../../src/protocol/messages.ts";
import type { SocketHandle } from "../../../../src/protocol/socket-handle.ts";

/** A shard is sent so many before it has taken the first. */
const UNTAKEN = 8;

/** A shard as the relay sees it, that takes nothing until it is told to. */
class Taker {
  state = "serving.accepting";
  isEnding = false;
  isAlive = true;
  readonly delivered: number[] = [];
  /** What it was told, in words. */
  readonly heard: string[] = [];
  collected = 0;
  readonly counters = {
    add: (name: string) => {
      if (name === "collected") this.collected++;
    },
  };
  readonly index: number;

  constructor(index = 0) {
    this.index = index;
  }

  get isClosing(): boolean {
    return this.state === "closing" || this.state === "draining";
  }

  /** The same, as its type says. */
  get shard(): Shard {
    return this as unknown as Shard;
  }

  deliver({ snapshot }: MovingConnection): void {
    this.delivered.push(snapshot.number);
  }

  post(message: MainMessage): void {
    if (message.type === "landed") this.heard.push(`landed ${message.number}`);
    else if (message.type === "move")
      this.heard.push(`move ${message.order}, at most ${message.limit}`);
    else this.heard.push(message.type);
  }
}

function moving(
  number: number,
): MovingConnection & { handle: SocketHandle; isClosed: boolean } {
  const connection = {
    snapshot: { number, isAdmitted: false } as ConnectionSnapshot,
    isClosed: false,
    handle: {
      close: () => {
        connection.isClosed = true;
      },
    } as unknown as SocketHandle,
  };
  return connection;
}

function scene() {
  const host = { isStopping: false, limits: { transfer: () => {} } };
  const taker = new Taker();
  const shard = taker as unknown as Shard;
  const relay = new Relay(Object.assign(host, { shards: [shard] }));
  const adopt = (number: number): ReturnType<typeof moving> => {
    const connection = moving(number);
    relay.adopt(connection, () => shard);
    return connection;
  };
  return { host, taker, shard, relay, adopt };
}

/** Whom the relay knows, and what becomes of the connections that `from` gives away. */
function move({
  destination = "to",
  limit,
  deadlineMs = 5_000,
}: Partial<{
  destination: "to" | "nowhere" | Destination;
  limit: number;
  deadlineMs: number;
}> = {}) {
  const [from, to, third] = [new Taker(0), new Taker(1), new Taker(2)];
  const transfers: string[] = [];
  const host = {
    isStopping: false,
    shards: [from.shard, to.shard, third.shard],
    limits: {
      transfer: (address: string, left?: number, entered?: number) =>
        void transfers.push(`${address}: ${left} to ${entered}`),
    },
  };
  const relay = new Relay(host);
  const chosen = destination === "to" ? to.shard : undefined;
  const underWay = relay.move(
    from.shard,
    typeof destination === "object"
      ? destination
      : { kind: "shards", choose: () => chosen },
    monotonicNow() + deadlineMs,
    limit,
  );
  let report: MoveReport | undefined;
  void underWay.done.then((done) => {
    report = done;
  });
  const leave = (number: number, isAdmitted = false): void => {
    const { snapshot, handle } = moving(number);
    Object.assign(snapshot, { isAdmitted, remoteAddress: "192.0.2.1" });
    relay.take(from.shard, { type: "moved-out", order: 1, snapshot, handle });
  };
  const land = (taker: Taker, number: number): void =>
    relay.take(taker.shard, { type: "moved-in", number });
  const say = (left: number, refused = {}): void =>
    relay.take(from.shard, { type: "moved", order: 1, left, refused });
  const reported = async (): Promise<MoveReport | undefined> => {
    await vi.advanceTimersByTimeAsync(0);
    return report;
  };
  return {
    ...{ host, relay, from, to, third, underWay, transfers },
    ...{ leave, land, say, reported },
  };
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}

describe("connections that come from another process", () => {
  it("wait until their shard has taken those before them", () => {
    const { taker, shard, relay, adopt } = scene();
    for (const number of upTo(UNTAKEN + 2)) adopt(number);
    expect(taker.delivered).toEqual(upTo(UNTAKEN));
    relay.take(shard, { type: "moved-in", number: 0 });
    expect(taker.delivered).toEqual(upTo(UNTAKEN + 1));
  });

  it("are with their shard before it hears that the server stops", () => {
    const { host, taker, relay, adopt } = scene();
    for (const number of upTo(3 * UNTAKEN)) adopt(number);
    host.isStopping = true;
    relay.flush();
    expect(taker.delivered).toEqual(upTo(3 * UNTAKEN));
  });

  it.each(["closing", "draining"])(
    "are told to go by a shard that is %s",
    (state) => {
      const { host, taker, adopt } = scene();
      host.isStopping = true;
      taker.state = state;
      adopt(0);
      expect(taker.delivered).toEqual([0]);
    },
  );

  it("have landed when shards have taken all of them", async () => {
    const { shard, relay, adopt } = scene();
    await expect(relay.landed()).resolves.toBeUndefined();
    for (const number of upTo(UNTAKEN + 1)) adopt(number);
    let hasLanded = false;
    const landed = relay.landed().then(() => {
      hasLanded = true;
    });
    for (const number of upTo(UNTAKEN)) {
      relay.take(shard, { type: "moved-in", number });
      await Promise.resolve();
      expect(hasLanded).toBe(false);
    }
    relay.take(shard, { type: "moved-in", number: UNTAKEN });
    await landed;
  });

  it("have landed where their shard is no more", async () => {
    const { shard, relay, adopt } = scene();
    adopt(0);
    const landed = relay.landed();
    relay.forget(shard);
    await expect(landed).resolves.toBeUndefined();
  });

  it("are closed, and counted, where the last thread ends", () => {
    const { host, taker, relay, adopt } = scene();
    host.isStopping = true;
    Object.assign(taker, { state: "draining", isEnding: true });
    expect(adopt(0).isClosed).toBe(true);
    expect(taker.delivered).toEqual([]);
    expect(relay.dropped).toBe(1);
  });
});

describe("connections that a shard gives away", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("are ordered of it, go where it was chosen, and are told to have landed", async () => {
    const { relay, from, to, leave, land, say, reported } = move({ limit: 3 });
    expect(from.heard.splice(0)).toEqual(["move 1, at most 3"]);
    expect(relay.orders).toBe(1);
    leave(7);
    leave(8);
    expect(from.collected).toBe(2);
    expect(to.delivered).toEqual([7, 8]);
    expect(from.heard).toEqual([]);
    land(to, 7);
    expect(from.heard).toEqual(["landed 7"]);
    say(2, { tls: 3 });
    expect(await reported()).toBeUndefined();
    land(to, 8);
    expect(await reported()).toMatchObject({
      moved: 2,
      crashed: 0,
      refused: { tls: 3 },
    });
    expect(relay.orders).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("are not waited for while their shard may still give some away", async () => {
    const { leave, land, to, say, reported } = move();
    leave(7);
    land(to, 7);
    expect(await reported()).toBeUndefined();
    say(1);
    expect(await reported()).toMatchObject({ moved: 1 });
  });

  it("are nobody's who is not known, and land once", async () => {
    const { relay, from, to, leave, land, say, reported } = move();
    land(to, 99);
    leave(7);
    land(to, 7);
    land(to, 7);
    relay.take(from.shard, { type: "moved", order: 2, left: 0, refused: {} });
    expect(await reported()).toBeUndefined();
    say(1);
    expect(await reported()).toMatchObject({ moved: 1 });
    expect(from.heard.slice(1)).toEqual(["landed 7"]);
  });

  it("come from no shard that does not serve", async () => {
    const { relay } = scene();
    const from = new Taker(1);
    from.state = "closing";
    const destination = { kind: "shards", choose: () => undefined } as const;
    const { done } = relay.move(from.shard, destination, monotonicNow() + 1);
    expect(await done).toMatchObject({ moved: 0, crashed: 0, refused: {} });
    expect(from.heard).toEqual([]);
  });

  it("go back where there is nowhere to go, and have not moved", async () => {
    const { from, leave, land, say, reported } = move({
      destination: "nowhere",
    });
    leave(7, true);
    expect(from.delivered).toEqual([7]);
    land(from, 7);
    say(1);
    expect(await reported()).toMatchObject({ moved: 0, crashed: 0 });
  });

  it("go back where the one that was chosen serves no more", () => {
    const { from, to, leave } = move();
    to.state = "draining";
    leave(7);
    expect([from.delivered, to.delivered]).toEqual([[7], []]);
  });

  it("go to any that serves where both have gone, or to one that tells them to go", () => {
    const { host, from, to, third, leave } = move();
    to.state = "terminated";
    Object.assign(from, { state: "terminated", isAlive: false });
    leave(7);
    expect(third.delivered).toEqual([7]);
    host.isStopping = true;
    third.state = "draining";
    leave(8);
    third.isEnding = true;
    leave(9);
    expect(third.delivered).toEqual([7, 8]);
  });

  it("are counted by address on the other shard, once it is another", () => {
    const { host, from, to, transfers, leave } = move();
    leave(7, true);
    leave(8);
    expect(transfers).toEqual(["192.0.2.1: 0 to 1"]);
    to.state = "terminated";
    leave(9, true);
    expect([from.delivered, transfers.length]).toEqual([[9], 1]);
    expect(host.isStopping).toBe(false);
  });

  it("wait in main while too many before them are not taken, each for its own shard", () => {
    const { relay, from, to, third, leave, land } = move();
    for (const number of upTo(UNTAKEN + 2)) leave(number);
    relay.adopt(moving(50), () => third.shard);
    expect(to.delivered).toEqual(upTo(UNTAKEN));
    land(third, 50);
    expect(to.delivered).toEqual(upTo(UNTAKEN));
    land(to, 0);
    expect(to.delivered).toEqual(upTo(UNTAKEN + 1));
    land(to, 1);
    land(to, 2);
    expect(to.delivered).toEqual(upTo(UNTAKEN + 2));
    leave(60);
    expect(to.delivered.at(-1)).toBe(60);
    expect(from.delivered).toEqual([]);
  });

  it("do not wait to go back, however many do", () => {
    const { from, leave } = move({ destination: "nowhere" });
    for (const number of upTo(3 * UNTAKEN)) leave(number);
    expect(from.delivered).toEqual(upTo(3 * UNTAKEN));
  });

  it("go back when that is called off, if they still wait, and the others do not", async () => {
    const { underWay, from, to, leave, land, say, reported } = move();
    for (const number of upTo(UNTAKEN + 2)) leave(number);
    underWay.callOff();
    expect(from.heard).toContain("move-call-off");
    expect(from.delivered).toEqual([UNTAKEN, UNTAKEN + 1]);
    for (const number of from.delivered) land(from, number);
    for (const number of to.delivered) land(to, number);
    say(UNTAKEN + 2);
    expect(await reported()).toMatchObject({ moved: UNTAKEN });
  });

  it("are called off for their own order alone", () => {
    const { relay, underWay, from, to, third, leave } = move();
    const other = relay.move(
      third.shard,
      { kind: "shards", choose: () => to.shard },
      monotonicNow() + 5_000,
    );
    for (const number of upTo(UNTAKEN + 1)) leave(number);
    other.callOff();
    expect([from.delivered, third.delivered]).toEqual([[], []]);
    underWay.callOff();
    expect(from.delivered).toEqual([UNTAKEN]);
  });

  it("are waited for until half a second after the deadline, and given up then", async () => {
    const { from, reported } = move({ deadlineMs: 1_000 });
    await vi.advanceTimersByTimeAsync(1_490);
    expect(from.heard).not.toContain("move-call-off");
    await vi.advanceTimersByTimeAsync(11);
    expect(from.heard).toContain("move-call-off");
    expect(await reported()).toMatchObject({ moved: 0, refused: {} });
  });

  it("are booked as crashed with the shard that they were on their way to", async () => {
    const { relay, from, to, third, leave, say, reported } = move();
    leave(7);
    relay.adopt(moving(8), () => third.shard);
    say(1);
    relay.forget(to.shard);
    expect(from.heard).toContain("landed 7");
    expect(from.heard).not.toContain("landed 8");
    expect(await reported()).toMatchObject({ moved: 0, crashed: 1 });
  });

  it("go back when the shard that they wait for dies, though its state does not say so yet", () => {
    const { relay, from, to, leave } = move();
    for (const number of upTo(UNTAKEN + 2)) leave(number);
    relay.forget(to.shard);
    expect(from.delivered).toEqual([UNTAKEN, UNTAKEN + 1]);
    // It owes nothing for those who died with the one before.
    for (const number of upTo(UNTAKEN)) leave(100 + number);
    expect(to.delivered).toHaveLength(2 * UNTAKEN);
  });

  it("do not go back to a shard that is gone as well", () => {
    const { relay, from, to, third, leave } = move();
    for (const number of upTo(UNTAKEN + 1)) leave(number);
    Object.assign(from, { state: "terminated", isAlive: false });
    relay.forget(to.shard);
    expect([from.delivered, to.delivered.length, third.delivered]).toEqual([
      [],
      UNTAKEN,
      [UNTAKEN],
    ]);
  });

  it("are all that there will be when their shard dies", async () => {
    const { relay, from, to, third, leave, land, reported } = move();
    const other = relay.move(
      third.shard,
      { kind: "shards", choose: () => to.shard },
      monotonicNow() + 5_000,
    );
    leave(7);
    relay.forget(from.shard);
    expect(await reported()).toBeUndefined();
    land(to, 7);
    expect(await reported()).toMatchObject({ moved: 1 });
    expect(relay.orders).toBe(1);
    relay.forget(third.shard);
    await other.done;
  });

  it("are waited for no longer once the server has ended", async () => {
    const { relay, leave, reported } = move();
    leave(7);
    await vi.advanceTimersByTimeAsync(300);
    relay.stop();
    const report = await reported();
    expect(report).toMatchObject({ moved: 0 });
    expect(report?.durationMs).toBe(300);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("have a duration of their own", async () => {
    vi.advanceTimersByTime(5_000);
    const { say, reported } = move();
    await vi.advanceTimersByTimeAsync(250);
    say(0);
    expect((await reported())?.durationMs).toBe(250);
  });
});

describe("connections that leave for another process", () => {
  function leaving() {
    const settled: ((isTaken: boolean) => void)[] = [];
    return {
      settled,
      ...move({
        destination: {
          kind: "process",
          forward: (_, settle) => void settled.push(settle),
        },
      }),
    };
  }

  it("have moved when that has taken them, and count there from then on", async () => {
    const { relay, from, settled, transfers, leave, say, underWay } = leaving();
    leave(7, true);
    leave(8);
    say(2);
    expect(from.heard).not.toContain("landed 7");
    for (const settle of settled) settle(true);
    expect(await underWay.done).toMatchObject({ moved: 2 });
    expect([relay.movedOut, from.delivered]).toEqual([2, []]);
    expect(from.heard.slice(1)).toEqual(["landed 7", "landed 8"]);
    expect(transfers).toEqual(["192.0.2.1: 0 to undefined"]);
  });

  it("live on where they were when that has not", async () => {
    const { relay, from, settled, leave, land, say, underWay } = leaving();
    leave(7);
    say(1);
    settled[0]?.(false);
    expect(from.delivered).toEqual([7]);
    land(from, 7);
    expect(await underWay.done).toMatchObject({ moved: 0 });
    expect(relay.movedOut).toBe(0);
  });

  it("are the relay's own to bring back where their order is over", () => {
    const { relay, from, to } = leaving();
    const { snapshot, handle } = moving(7);
    relay.take(to.shard, { type: "moved-out", order: 99, snapshot, handle });
    expect([to.delivered, from.delivered]).toEqual([[7], []]);
  });
});

describe("several moves together", () => {
  const report = (
    moved: number,
    refused: MoveReport["refused"] = {},
  ): MoveReport => ({ moved, refused, crashed: 1, durationMs: 5 });

  it("come to the sums of their figures", () => {
    expect(
      addReports([
        report(2, { tls: 1, state: 1 }),
        report(3, { tls: 4 }),
        report(0),
      ]),
    ).toEqual({ moved: 5, crashed: 3, refused: { tls: 5, state: 1 } });
  });

  it("refuse whom the last round has refused: the others were asked again", () => {
    const rounds = [[report(2, { handlers: 5 })], [report(4, { handlers: 1 })]];
    expect(addRounds(rounds)).toEqual({
      moved: 6,
      crashed: 2,
      refused: { handlers: 1 },
    });
    expect(addRounds([])).toEqual({ moved: 0, crashed: 0, refused: {} });
  });

  it.each([
    [3, {}, true],
    [3, { tls: 1, state: 1 }, true],
    [3, { tls: 1, state: 2 }, false],
    [0, {}, false],
  ])(
    "leave more to ask where %j are open and %j stayed",
    (open, refused, isSo) => {
      const shard = { counters: { open } } as unknown as Shard;
      expect(hasMore(shard, report(0, refused))).toBe(isSo);
    },
  );
});
