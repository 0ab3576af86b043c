/** One-to-many: what it costs to reach every connection of a shard. */
import { driveLoop } from "../drive.ts";
import { contendersOf, scaled, withServer, type BenchCase } from "./case.ts";

const connections = 10_000;

export const fanOutCase: BenchCase = {
  name: "fanout",
  title: "One message to 10,000 connections",
  description:
    "One connection's message of 64 B goes to all 10,000 on one shard, the " +
    "next when the last has received it; ws and node:net loop over their " +
    "connections, Sluice publishes to a topic, Socket.IO and Bun use their own " +
    "broadcast. The latency is from the publication to the last delivery.",
  unit: "delivery",
  columns: [
    "cpuMicros",
    "unitsPerSecond",
    "p50Micros",
    "p99Micros",
    "serverShare",
    "loadShare",
  ],
  contenders: contendersOf(
    ["sluice", "ws", "socket.io", "bun", "net"],
    async (subject, context) =>
      withServer(subject, context, { mode: "fan-out" }, async (target) =>
        driveLoop(target, {
          kind: "fan-out",
          connections: scaled(connections, context),
          bytes: 64,
          warmupMs: context.warmupMs,
          measureMs: context.measureMs,
        }),
      ),
  ),
};
