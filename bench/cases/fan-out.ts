/** One-to-many: what it costs to reach every connection of a shard. */
import { driveLoop } from "../drive.ts";
import {
  contendersOf,
  scaled,
  withServer,
  type BenchCase,
  type SubjectMeasure,
} from "./case.ts";

const connections = 10_000;
const subjects = ["sluice", "ws", "socket.io", "bun", "net"];

function fanOut(atOnce: number): SubjectMeasure {
  return async (subject, context) =>
    withServer(subject, context, { mode: "fan-out" }, async (target) =>
      driveLoop(target, {
        kind: "fan-out",
        connections: scaled(connections, context),
        atOnce,
        bytes: 64,
        warmupMs: context.warmupMs,
        measureMs: context.measureMs,
      }),
    );
}

/** Of a case that counts deliveries of one shard. */
export const deliveries = {
  unit: "delivery",
  columns: [
    "cpuMicros",
    "kernelMicros",
    "unitsPerSecond",
    "p50Micros",
    "p99Micros",
    "serverShare",
    "loadShare",
  ],
} as const satisfies Partial<BenchCase>;

export const fanOutCases: readonly BenchCase[] = [
  {
    ...deliveries,
    name: "fanout",
    title: "One message to 10,000 connections",
    description:
      "One connection's message of 64 B goes to all 10,000 on one shard, the " +
      "next when the last has received it; ws and node:net loop over their " +
      "connections, Sluice publishes to a topic, Socket.IO and Bun use their own " +
      "broadcast. The latency is from the publication to the last delivery.",
    contenders: contendersOf(subjects, fanOut(1)),
  },
  {
    ...deliveries,
    name: "fanout-8",
    title: "Eight messages to 10,000 connections",
    description:
      "The same with eight messages that are published in one tick, as from a " +
      "busy topic: Sluice writes them to each connection as one piece.",
    contenders: contendersOf(subjects, fanOut(8)),
  },
];
