/** Shards: whether a message costs more when a second core helps. */
import { driveLoop } from "../drive.ts";
import { subjectNamed } from "../subjects/index.ts";
import { withServer, type BenchCase, type Contender } from "./case.ts";

const connections = 64;

function withWorkers(name: string, workers: number): Contender {
  const subject = subjectNamed(name);
  return {
    id: `${name}-${workers}`,
    title: `${subject.title}, ${workers === 1 ? "1 shard" : `${workers} shards`}`,
    relativeTo: `${name}-1`,
    subject,
    measure: async (context) =>
      withServer(
        subject,
        context,
        { workers, cores: context.allCores },
        async (target) =>
          driveLoop(target, {
            kind: "closed-loop",
            connections,
            inFlight: 1,
            bytes: 64,
            warmupMs: context.warmupMs,
            measureMs: context.measureMs,
          }),
      ),
  };
}

export const shardsCase: BenchCase = {
  name: "shards-1-to-2",
  title: "From 1 shard to 2",
  description:
    `Echo of 64 B on ${connections} connections, 1 in flight, the server on ` +
    "all cores and each ratio to the same server with 1 shard (or cluster " +
    "worker). On a machine with two cores the load shares them, so that only " +
    "the CPU a message counts here, not the throughput.",
  unit: "message",
  columns: ["cpuMicros", "unitsPerSecond", "p99Micros", "loadShare"],
  contenders: [
    withWorkers("sluice", 1),
    withWorkers("sluice", 2),
    withWorkers("ws-cluster", 1),
    withWorkers("ws-cluster", 2),
  ],
};
