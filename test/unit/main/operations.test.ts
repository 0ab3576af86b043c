import { describe, expect, it } from "vitest";
import { resolveConfig } from "../../../src/config.ts";
import { Handover } from "../../../src/main/handover/handover.ts";
import { AddressLimits } from "../../../src/main/accept/address-limits.ts";
import type { Ingress } from "../../../src/main/accept/ingress.ts";
import type { DrainPlan } from "../../../src/protocol/messages.ts";
import { Shard, type ShardOwner } from "../../../src/main/shards/shard.ts";
import { Malformed } from "../../../src/main/malformed.ts";
import {
  Operations,
  type OperationsHost,
} from "../../../src/main/operations.ts";
import type { ServerState } from "../../../src/main/server-types.ts";
import { Fleet } from "../../../src/main/shards/fleet.ts";
import { Stoppage } from "../../../src/main/stoppage.ts";
import { PatientClock, processTime } from "../../../src/main/patient-clock.ts";
import { nodeMainSurroundings } from "../../../src/main/node-surroundings.ts";

/** The operations of a server whose two shards have no thread. */
function begin(state: ServerState = "listening") {
  const config = resolveConfig({ workers: 2 });
  const fleet = new Fleet(2);
  const seen = { updates: 0, left: 0 };
  const supervisor: ShardOwner = {
    environment: {
      surroundings: nodeMainSurroundings,
      patientClock: new PatientClock(processTime),
      config,
      tls: undefined,
      isReady: true,
      forwarded: [],
      topicTable: new SharedArrayBuffer(0),
      memory: new SharedArrayBuffer(0),
      instance: "here",
      moveBlocker: undefined,
      handleFault: undefined,
      malformed: new Malformed(),
    },
    isStopping: false,
    shardChanged() {},
    shardReady() {},
    shardMessage() {},
    shardLost() {},
    shardFailed: () => false,
  };
  const parts = {
    surroundings: nodeMainSurroundings,
    config,
    fleet,
    readiness: { isReady: true },
    lifecycle: {
      state,
      isServing: state === "listening",
      leave: () => void seen.left++,
    },
    moveBlocker: undefined,
    stoppage: new Stoppage(),
    malformed: new Malformed(),
    environment: { tls: undefined },
    supervisor,
    inspector: { passOn: () => undefined },
    planner: {
      closeCode: 1001,
      plan: (
        deadline: number,
        shards: number,
        turn: number,
        closeCode = 1001,
      ): DrainPlan => ({
        deadline,
        shards,
        turn,
        closeCode,
        rate: "unlimited",
        retryMinMs: 0,
        retrySpreadMs: "auto",
      }),
    },
    ingress: {
      limits: new AddressLimits(config),
      update: () => void seen.updates++,
    } as unknown as Ingress,
  };
  fleet.shards.push(new Shard(0, supervisor), new Shard(1, supervisor));
  const host: OperationsHost = { ...parts, handover: new Handover(parts) };
  return { operations: new Operations(host), seen };
}

describe("the operations of a server", () => {
  it.each(["starting", "closing", "draining", "terminated"] as const)(
    "are refused by one that is %s",
    async (state) => {
      const { operations } = begin(state);
      const refusal = {
        code: "ERR_SLUICE_STATE",
        message: expect.stringContaining(`the server is ${state}`),
      };
      expect(() => operations.drain({})).toThrow(
        expect.objectContaining(refusal),
      );
      await expect(operations.restartShard(0)).rejects.toMatchObject(refusal);
      await expect(operations.rebalance()).rejects.toMatchObject(refusal);
      await expect(operations.reload()).rejects.toMatchObject(refusal);
      await expect(operations.upgrade()).rejects.toMatchObject(refusal);
    },
  );

  it("name the shards there are to who asks for another", async () => {
    const { operations } = begin();
    const refusal = { message: "there is no shard 2; there are 0, 1" };
    expect(() => operations.drain({ shard: 2 })).toThrow(refusal.message);
    expect(() => operations.resume(2)).toThrow(refusal.message);
    await expect(operations.restartShard(2)).rejects.toMatchObject(refusal);
  });

  it("move all connections of one shard, and nothing less", () => {
    const { operations } = begin();
    expect(() => operations.drain({ move: true })).toThrow(
      "move takes a shard",
    );
    expect(() =>
      operations.drain({ move: true, shard: 0, pathPrefix: "/a" }),
    ).toThrow("got pathPrefix or olderThanMs");
  });

  it("are done with a drain at once where no shard serves, and look at the listener", async () => {
    const { operations, seen } = begin();
    const drain = operations.drain({});
    expect(await drain.done).toMatchObject({
      notified: 0,
      wasCalledOff: false,
    });
    expect(seen.updates).toBe(1);
    drain.callOff();
    expect(seen.updates).toBe(1);
    operations.resume();
    expect(seen.updates).toBe(2);
  });
});
