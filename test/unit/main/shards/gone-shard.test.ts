import { describe, expect, it } from "vitest";
import { resolveConfig } from "../../../../src/config.ts";
import { Malformed } from "../../../../src/main/malformed.ts";
import { nodeMainSurroundings } from "../../../../src/main/node-surroundings.ts";
import {
  PatientClock,
  processTime,
} from "../../../../src/main/patient-clock.ts";
import { isBalanced, readLedger } from "../../../../src/main/report.ts";
import { Shard } from "../../../../src/main/shards/shard.ts";
import type { SocketHandle } from "../../../../src/protocol/socket-handle.ts";

describe("a shard whose thread is gone", () => {
  it("turns a socket away that it is given all the same, and counts it", () => {
    const seen: unknown[] = [];
    const shard = new Shard(0, {
      environment: {
        surroundings: nodeMainSurroundings,
        patientClock: new PatientClock(processTime),
        config: resolveConfig({}),
        tls: undefined,
        isReady: true,
        memory: new SharedArrayBuffer(0),
        forwarded: [],
        topicTable: new SharedArrayBuffer(0),
        instance: "here",
        moveBlocker: undefined,
        handleFault: undefined,
        malformed: new Malformed(),
      },
      isStopping: false,
      shardChanged() {},
      shardReady() {},
      shardMessage: (_shard, message) => void seen.push(message),
      shardLost() {},
      shardFailed: () => false,
    });
    const handle = { close: () => seen.push("closed") };
    shard.give({
      handle: handle as unknown as SocketHandle,
      id: 1,
      address: "10.0.0.1",
    });
    expect(seen).toEqual(["closed", { type: "released", address: "10.0.0.1" }]);
    const ledger = readLedger([shard.counters], 0);
    expect(ledger).toMatchObject({ accepted: 1, outcomes: { rejected: 1 } });
    expect(isBalanced(ledger)).toBe(true);
  });
});
