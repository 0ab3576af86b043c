/** Churn: what a connection's whole life costs, and main's part in it. */
import { driveLoop } from "../drive.ts";
import type { ChurnPlan } from "../load/plan.ts";
import {
  contendersOf,
  withServer,
  type BenchCase,
  type RunContext,
  type SubjectMeasure,
} from "./case.ts";

const parallel = 32;
const columns = [
  "cpuMicros",
  "unitsPerSecond",
  "p50Micros",
  "p99Micros",
  "p999Micros",
  "serverShare",
  "loadShare",
] as const;

function plan(context: RunContext): ChurnPlan {
  return {
    kind: "churn",
    parallel,
    bytes: 64,
    warmupMs: context.warmupMs,
    measureMs: context.measureMs,
  };
}

function churn(tls: boolean): SubjectMeasure {
  return async (subject, context) =>
    withServer(subject, context, { tls }, async (target) =>
      driveLoop(target, plan(context)),
    );
}

const handOff: SubjectMeasure = async (subject, context) =>
  withServer(subject, context, {}, async (target) => {
    const { mainThreadMicros, metrics, disturbed } = await driveLoop(
      target,
      plan(context),
    );
    return {
      metrics: {
        mainMicros: mainThreadMicros,
        acceptsPerSecond: 1e6 / mainThreadMicros,
        unitsPerSecond: metrics.unitsPerSecond,
      },
      disturbed,
    };
  });

export const churnCases: readonly BenchCase[] = [
  {
    name: "churn",
    title: "Connect, echo, close",
    description:
      `${parallel} clients at a time connect, upgrade, echo 64 B and close ` +
      "with close frames both ways; the latency is that of all of it.",
    unit: "connection",
    columns,
    contenders: contendersOf(
      ["sluice", "ws", "ws-cluster", "socket.io", "bun", "net"],
      churn(false),
    ),
  },
  {
    name: "tls-churn",
    title: "Connect, echo, close over TLS",
    description: "The same over TLS 1.3 (P-256), a full handshake every time.",
    unit: "connection",
    columns,
    contenders: contendersOf(
      ["sluice", "ws", "socket.io", "bun", "net"],
      churn(true),
    ),
  },
  {
    name: "handoff",
    title: "Hand-over alone",
    description:
      "CPU of the main thread alone (the primary process, for node:cluster) " +
      "for each connection that it accepts and hands over under churn, and " +
      "how many a second would fill its core.",
    unit: "connection",
    columns: ["mainMicros", "acceptsPerSecond", "unitsPerSecond"],
    contenders: contendersOf(["sluice", "ws-cluster"], handOff).map(
      (contender) => ({ ...contender, relativeTo: "ws-cluster" }),
    ),
  },
];
