/** Idle memory: what a connection weighs that is open and says nothing. */
import type { DriveTarget } from "../drive.ts";
import { processTree, readMemory, type Memory } from "../measure/proc.ts";
import { settle } from "../measure/settle.ts";
import {
  contendersOf,
  scaled,
  withLoad,
  withServer,
  type BenchCase,
} from "./case.ts";

const connections = 15_000;
const warmupConnections = 1000;

/** Memory of the server once it has stopped changing. */
async function settledMemory(target: DriveTarget): Promise<Memory> {
  const pids = processTree(target.running.pid);
  await settle(() => readMemory(pids).pssBytes);
  return readMemory(pids);
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
    async (subject, context) =>
      withServer(subject, context, {}, async (target) => {
        const warmup = {
          kind: "hold",
          connections: warmupConnections,
        } as const;
        await withLoad(target, { ...warmup, bytes: 64 }, async (load) => {
          await load.next("held");
          load.release();
          await load.next("released");
        });
        await target.running.collect();
        const before = await settledMemory(target);
        const count = scaled(connections, context);
        return withLoad(
          target,
          { kind: "hold", connections: count, bytes: 64 },
          async (load) => {
            await load.next("held");
            const idle = await settledMemory(target);
            await target.running.collect();
            const collected = await settledMemory(target);
            return {
              metrics: {
                pssCollectedBytes:
                  (collected.pssBytes - before.pssBytes) / count,
                pssBytes: (idle.pssBytes - before.pssBytes) / count,
                rssBytes: (idle.rssBytes - before.rssBytes) / count,
              },
              disturbed: [],
            };
          },
        );
      }),
  ),
};
