/** Echo: what a message costs, by size, messages in flight and connections. */
import { driveLoop } from "../drive.ts";
import {
  contendersOf,
  scaled,
  withServer,
  type BenchCase,
  type SubjectMeasure,
} from "./case.ts";

const columns = [
  "cpuMicros",
  "unitsPerSecond",
  "p50Micros",
  "p99Micros",
  "p999Micros",
  "serverShare",
  "loadShare",
] as const;

const everyone = ["sluice", "ws", "ws-cluster", "socket.io", "bun", "net"];
const singles = ["sluice", "ws", "socket.io", "bun", "net"];
/** From here on a number of connections shrinks in a quick run. */
const manyConnections = 1000;

interface EchoShape {
  readonly connections?: number;
  readonly inFlight?: number;
  readonly bytes?: number;
  readonly tls?: boolean;
}

function echo(shape: EchoShape): SubjectMeasure {
  const { connections = 20, inFlight = 1, bytes = 64, tls = false } = shape;
  return async (subject, context) =>
    withServer(subject, context, { tls }, async (target) =>
      driveLoop(target, {
        kind: "closed-loop",
        connections:
          connections < manyConnections
            ? connections
            : scaled(connections, context),
        inFlight,
        bytes,
        warmupMs: context.warmupMs,
        measureMs: context.measureMs,
      }),
    );
}

function echoCase(
  name: string,
  title: string,
  names: readonly string[],
  shape: EchoShape,
  description: string,
): BenchCase {
  return {
    name,
    title,
    description,
    unit: "message",
    columns,
    contenders: contendersOf(names, echo(shape)),
  };
}

export const echoCases: readonly BenchCase[] = [
  echoCase(
    "echo-1",
    "Echo, 64 B, 1 in flight",
    everyone,
    {},
    "20 connections, each sends a message when the one before has come back.",
  ),
  echoCase(
    "echo-16",
    "Echo, 64 B, 16 in flight",
    everyone,
    { inFlight: 16 },
    "20 connections with 16 messages under way on each.",
  ),
  echoCase(
    "echo-1k",
    "Echo, 1 KiB",
    singles,
    { bytes: 1024 },
    "20 connections, 1 in flight.",
  ),
  echoCase(
    "echo-64k",
    "Echo, 64 KiB",
    singles,
    { bytes: 65_536 },
    "20 connections, 1 in flight. All messages are of one size, so the ratio " +
      "for a message is the ratio for a byte.",
  ),
  echoCase(
    "echo-1m",
    "Echo, 1 MiB",
    singles,
    { bytes: 1_048_576 },
    "20 connections, 1 in flight. All messages are of one size, so the ratio " +
      "for a message is the ratio for a byte.",
  ),
  echoCase(
    "echo-10k-connections",
    "Echo, 64 B, 10,000 connections",
    singles,
    { connections: 10_000 },
    "1 in flight on each of 10,000 connections.",
  ),
  echoCase(
    "tls-echo",
    "Echo over TLS, 64 B, 1 in flight",
    singles,
    { tls: true },
    "20 connections over TLS 1.3, 1 in flight.",
  ),
];
