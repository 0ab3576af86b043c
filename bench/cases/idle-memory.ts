/** Idle memory: what a connection weighs that is open and says nothing. */
import type { DriveTarget } from "../drive.ts";
import { processTree, readMemory, type Memory } from "../measure/proc.ts";
import { settle } from "../measure/settle.ts";
import {
  contendersOf,
  type SubjectMeasure,
  scaled,
  withLoad,
  withServer,
  type BenchCase,
} from "./case.ts";

const connections = 15_000;
/** Of the connections, so many have come and gone before. */
const warmupShare = 1 / 15;

/** Memory of the server once it has stopped changing. */
async function settledMemory(target: DriveTarget): Promise<Memory> {
  const pids = processTree(target.running.pid);
  await settle(() => readMemory(pids).pssBytes);
  return readMemory(pids);
}

interface IdleShape {
  readonly connections: number;
  /** Of the one message that each of them echoes. */
  readonly bytes: number;
  readonly compression?: boolean;
}

/** Measures what memory grows by for each connection that is held. */
export function idleMemory(shape: IdleShape): SubjectMeasure {
  const { bytes, compression = false } = shape;
  return async (subject, context) =>
    withServer(subject, context, { compression }, async (target) => {
      const warmup = Math.round(shape.connections * warmupShare);
      await withLoad(
        target,
        { kind: "hold", connections: warmup, bytes },
        async (load) => {
          await load.next("held");
          load.release();
          await load.next("released");
        },
      );
      await target.running.collect();
      const before = await settledMemory(target);
      const count = scaled(shape.connections, context);
      return withLoad(
        target,
        { kind: "hold", connections: count, bytes },
        async (load) => {
          await load.next("held");
          const idle = await settledMemory(target);
          await target.running.collect();
          const collected = await settledMemory(target);
          return {
            metrics: {
              pssCollectedBytes: (collected.pssBytes - before.pssBytes) / count,
              pssBytes: (idle.pssBytes - before.pssBytes) / count,
              rssBytes: (idle.rssBytes - before.rssBytes) / count,
            },
            disturbed: [],
          };
        },
      );
    });
}

export const idleMemoryCase: BenchCase = {
  name: "idle-memory",
  title: "Idle memory, 15,000 connections",
  description:
    "What the server's memory grows by for each of 15,000 connections that " +
    "have echoed one message and are then idle, over what it was after 1,000 " +
    "such connections had come and gone. Both are read once the memory has " +
    "stopped changing; collected: after a full garbage collection in every " +
    "thread that has handlers.",
  unit: "connection",
  columns: ["pssCollectedBytes", "pssBytes", "rssBytes"],
  maxRounds: 2,
  contenders: contendersOf(
    ["sluice", "ws", "ws-cluster", "socket.io", "bun", "net"],
    idleMemory({ connections, bytes: 64 }),
  ),
};
