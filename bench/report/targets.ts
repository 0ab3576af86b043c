/** What the project holds itself to, as ratios wherever that is possible. */
import type { MetricName } from "./metrics.ts";
import type { CaseResult } from "./results.ts";
import { metricSpread, ratioTo } from "./summary.ts";

/** One target; values are medians over the rounds. */
export interface Target {
  readonly caseName: string;
  readonly contender: string;
  /** Whose value is 1; undefined: the target is absolute. */
  readonly relativeTo?: string;
  readonly metric: MetricName;
  readonly text: string;
  readonly atMost?: number;
  readonly atLeast?: number;
  /** What would be better still. */
  readonly stretch?: number;
  /** What stands in the way, where it is missed. */
  readonly obstacle?: string;
}

/** Of the cases in which every receiver costs a write. */
const oneWriteEach =
  "each receiver takes one system call, whoever makes it, and what the kernel " +
  "does for one small write on loopback (the receiving half included) is by " +
  "itself more than half of what a `ws.send` costs: see the column “of it in " +
  "the kernel”. Bun, in C++, is not there either. Several messages in one tick " +
  "share the call.";

const ofWs = { contender: "sluice", relativeTo: "ws" } as const;

export const targets: readonly Target[] = [
  {
    ...ofWs,
    caseName: "echo-1",
    metric: "cpuMicros",
    text: "echo 64 B, 1 in flight, CPU a message",
    atMost: 0.85,
    stretch: 0.8,
    obstacle:
      "with one message in flight there is a read and a write in the kernel for " +
      "each, as in any server: node:net without WebSocket, the floor, is in the " +
      "table of the case. How far above it Sluice is differs by a few percent " +
      "from run to run.",
  },
  {
    ...ofWs,
    caseName: "echo-16",
    metric: "cpuMicros",
    text: "echo 64 B, 16 in flight, CPU a message",
    atMost: 0.17,
    stretch: 0.1,
  },
  {
    ...ofWs,
    caseName: "echo-64k",
    metric: "cpuMicros",
    text: "echo 64 KiB, CPU a byte",
    atMost: 1,
    stretch: 0.8,
  },
  {
    ...ofWs,
    caseName: "echo-1m",
    metric: "cpuMicros",
    text: "echo 1 MiB, CPU a byte",
    atMost: 1,
    stretch: 0.8,
  },
  {
    ...ofWs,
    caseName: "churn",
    metric: "cpuMicros",
    text: "connect, echo, close, CPU a connection",
    atMost: 0.8,
    stretch: 0.45,
  },
  {
    ...ofWs,
    caseName: "idle-memory",
    metric: "pssCollectedBytes",
    text: "idle memory of a connection",
    atMost: 1,
    stretch: 0.6,
  },
  {
    contender: "sluice",
    caseName: "machine",
    metric: "lifeMicros",
    text: "one machine's whole life, in µs",
    atMost: 3,
  },
  {
    contender: "sluice",
    caseName: "machine",
    metric: "openBytes",
    text: "one machine while open, in bytes",
    atMost: 300,
  },
  {
    ...ofWs,
    caseName: "fanout",
    metric: "cpuMicros",
    text: "one message to 10,000 connections, CPU a delivery",
    atMost: 0.5,
    stretch: 0.3,
    obstacle: oneWriteEach,
  },
  {
    ...ofWs,
    caseName: "fanout-8",
    metric: "cpuMicros",
    text: "eight messages to 10,000 connections, CPU a delivery",
    atMost: 0.5,
    stretch: 0.3,
  },
  {
    contender: "sluice-2",
    relativeTo: "ws-1",
    caseName: "publish",
    metric: "cpuMicros",
    text: "one message to 10,000 over two shards, CPU a delivery",
    atMost: 0.5,
    obstacle: oneWriteEach,
  },
  {
    contender: "sluice-2",
    relativeTo: "ws-1",
    caseName: "publish-8",
    metric: "cpuMicros",
    text: "eight messages to 10,000 over two shards, CPU a delivery",
    atMost: 0.5,
  },
  {
    contender: "sluice-2",
    relativeTo: "ws-1",
    caseName: "publish",
    metric: "p99Micros",
    text: "one message to 10,000 over two shards, p99 to the last delivery",
    atMost: 1,
  },
  {
    contender: "sluice-2",
    relativeTo: "sluice-1",
    caseName: "shards-1-to-2",
    metric: "cpuMicros",
    text: "2 shards on 2 cores, CPU a message, against 1 shard",
    atMost: 1.1,
    obstacle:
      "two shards and the load are three busy threads for two cores, which take " +
      "each other's turns and caches; `ws` under node:cluster loses more by it, " +
      "in the table of the case.",
  },
  {
    ...ofWs,
    caseName: "deflate-echo-1k",
    metric: "cpuMicros",
    text: "echo of 1 KiB JSON, compressed, CPU a message",
    atMost: 0.8,
  },
  {
    ...ofWs,
    caseName: "deflate-fanout",
    metric: "cpuMicros",
    text: "one compressed message of 1 KiB to 10,000, CPU a delivery",
    atMost: 0.15,
  },
  {
    ...ofWs,
    caseName: "deflate-idle-memory",
    metric: "pssCollectedBytes",
    text: "idle memory of a connection with compression",
    atMost: 0.1,
  },
  ...[1, 3, 10].flatMap((flooders): Target[] =>
    (["p50Micros", "p99Micros"] as const).map((metric) => ({
      ...ofWs,
      caseName: `flood-${flooders}`,
      metric,
      text: `echo beside ${flooders} who flood${flooders === 1 ? "s" : ""}, ${metric === "p50Micros" ? "median" : "p99"}`,
      atMost: 1,
    })),
  ),
  {
    ...ofWs,
    caseName: "half-saturation",
    metric: "p99Micros",
    text: "p99 latency at half the saturation rate",
    atMost: 1,
  },
  {
    contender: "sluice",
    caseName: "shutdown",
    metric: "lastCloseFrameMs",
    text: "shutdown of 15,000: the last close frame, in ms",
    atMost: 2000,
    stretch: 1000,
  },
  {
    contender: "sluice",
    caseName: "shutdown",
    metric: "closeFrameShare",
    text: "shutdown of 15,000: share with a close frame",
    atLeast: 1,
  },
];

/** How a target stands. */
export type Verdict = "missed" | "met" | "stretch met";

/** A target with what was measured. */
export interface Standing {
  readonly target: Target;
  readonly value: number;
  readonly verdict: Verdict;
}

/**
 * Holds what was measured against the targets.
 *
 * @param cases - The results.
 * @returns The standing of each target that the results say something about.
 */
export function standings(cases: readonly CaseResult[]): Standing[] {
  return targets.flatMap((target) => {
    const value = measured(target, cases);
    return value === undefined
      ? []
      : [{ target, value, verdict: judge(target, value) }];
  });
}

function measured(
  target: Target,
  cases: readonly CaseResult[],
): number | undefined {
  const result = cases.find((one) => one.name === target.caseName);
  if (result === undefined) return undefined;
  if (target.relativeTo !== undefined) {
    return ratioTo(result, target.contender, target.relativeTo, target.metric)
      ?.median;
  }
  const contender = result.contenders.find(
    (one) => one.id === target.contender,
  );
  if (contender === undefined) return undefined;
  return metricSpread(contender, target.metric)?.median;
}

function judge(target: Target, value: number): Verdict {
  const { atMost = Infinity, atLeast = -Infinity, stretch } = target;
  if (value > atMost || value < atLeast) return "missed";
  return stretch !== undefined && value <= stretch ? "stretch met" : "met";
}
