import { describe, expect, it } from "vitest";
import { Relay } from "../../../../src/main/handover/relay.ts";
import type { Shard } from "../../../../src/main/shards/shard.ts";
import type {
  ConnectionSnapshot,
  MovingConnection,
} from "../../../../src/protocol/handover-messages.ts";
import type { SocketHandle } from "../../../../src/protocol/socket-handle.ts";

/** A shard is sent so many before it has taken the first. */
const UNTAKEN = 8;

/** A shard as the relay sees it, that takes nothing until it is told to. */
class Taker {
  state = "serving.accepting";
  isEnding = false;
  isAlive = true;
  readonly delivered: number[] = [];

  deliver({ snapshot }: MovingConnection): void {
    this.delivered.push(snapshot.number);
  }

  post(): void {}
}

function moving(number: number): MovingConnection & { isClosed: boolean } {
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
