/** Publish: what it costs to reach every connection of every shard. */
import { driveLoop } from "../drive.ts";
import { subjectNamed } from "../subjects/index.ts";
import { scaled, withServer, type BenchCase, type Contender } from "./case.ts";

const connections = 10_000;

function withWorkers(name: string, workers: number, atOnce: number): Contender {
  const subject = subjectNamed(name);
  return {
    id: `${name}-${workers}`,
    title:
      workers === 1 ? subject.title : `${subject.title}, ${workers} shards`,
    relativeTo: "ws-1",
    subject,
    measure: async (context) =>
      withServer(
        subject,
        context,
        { mode: "fan-out", workers, cores: context.allCores },
        async (target) =>
          driveLoop(target, {
            kind: "fan-out",
            connections: scaled(connections, context),
            atOnce,
            bytes: 64,
            warmupMs: context.warmupMs,
            measureMs: context.measureMs,
          }),
      ),
  };
}

function contenders(atOnce: number): Contender[] {
  return [
    withWorkers("sluice", 2, atOnce),
    withWorkers("sluice", 1, atOnce),
    withWorkers("ws", 1, atOnce),
    withWorkers("socket.io", 1, atOnce),
    withWorkers("bun", 1, atOnce),
  ];
}

const shared = {
  unit: "delivery",
  columns: [
    "cpuMicros",
    "kernelMicros",
    "unitsPerSecond",
    "p50Micros",
    "p99Micros",
    "loadShare",
  ],
} as const satisfies Partial<BenchCase>;

export const publishCases: readonly BenchCase[] = [
  {
    ...shared,
    name: "publish",
    title: "One publisher, 10,000 subscribers over two shards",
    description:
      "One connection publishes 64 B to a topic to which all 10,000 subscribe, " +
      "half of them on each shard, and again when the last has received it; the " +
      "server on all cores. ws loops over its connections in one process, " +
      "Socket.IO and Bun use their own broadcast. The latency is from the " +
      "publication to the last delivery. On a machine with two cores the load " +
      "shares them.",
    contenders: contenders(1),
  },
  {
    ...shared,
    name: "publish-8",
    title: "One publisher of eight, 10,000 subscribers over two shards",
    description:
      "The same with eight messages that are published in one tick: what one " +
      "tick publishes travels to the other shard together, and to each " +
      "subscriber as one piece.",
    contenders: contenders(8),
  },
];
