/** Compression: what permessage-deflate costs, at work and at rest. */
import { driveLoop } from "../drive.ts";
import { contendersOf, scaled, withServer, type BenchCase } from "./case.ts";
import { deliveries } from "./fan-out.ts";
import { idleMemory } from "./idle-memory.ts";

const compression = true;
const bytes = 1024;
const subjects = ["sluice", "ws"];
const connections = 20;
const subscribers = 10_000;
/** `ws` makes a zlib context for each connection at its first message, which takes seconds and is no part of what is measured. */
const fanOutWarmups = 8;
/** Fewer than without compression: `ws` takes a quarter of a MiB for each. */
const heldConnections = 2_000;

const offered =
  "The clients offer permessage-deflate as browsers do, and send JSON that " +
  "refers to nothing before it; Sluice and ws agree to it as they come: " +
  "Sluice compresses each message by itself, ws keeps windows.";

export const compressionCases: readonly BenchCase[] = [
  {
    name: "deflate-echo-1k",
    title: "Echo of 1 KiB JSON, compressed",
    description: `20 connections, 1 in flight. ${offered}`,
    unit: "message",
    columns: [
      "cpuMicros",
      "unitsPerSecond",
      "p50Micros",
      "p99Micros",
      "serverShare",
      "loadShare",
    ],
    contenders: contendersOf(subjects, async (subject, context) =>
      withServer(subject, context, { compression }, async (target) =>
        driveLoop(target, {
          kind: "closed-loop",
          connections,
          inFlight: 1,
          bytes,
          warmupMs: context.warmupMs,
          measureMs: context.measureMs,
        }),
      ),
    ),
  },
  {
    ...deliveries,
    name: "deflate-fanout",
    title: "One compressed message of 1 KiB to 10,000 connections",
    description:
      "One connection's message goes to all 10,000 on one shard, the next when " +
      `the last has received it. ${offered}`,
    contenders: contendersOf(subjects, async (subject, context) =>
      withServer(
        subject,
        context,
        { compression, mode: "fan-out" },
        async (target) =>
          driveLoop(target, {
            kind: "fan-out",
            connections: scaled(subscribers, context),
            atOnce: 1,
            bytes,
            warmupMs: fanOutWarmups * context.warmupMs,
            measureMs: context.measureMs,
          }),
      ),
    ),
  },
  {
    name: "deflate-idle-memory",
    title: "Idle memory with compression, 2,000 connections",
    description:
      "What the server's memory grows by for each of 2,000 connections that " +
      "have echoed one message of 1 KiB and are then idle; measured as without " +
      `compression. ${offered}`,
    unit: "connection",
    columns: ["pssCollectedBytes", "pssBytes", "rssBytes"],
    maxRounds: 2,
    contenders: contendersOf(
      subjects,
      idleMemory({ connections: heldConnections, bytes, compression }),
    ),
  },
];
