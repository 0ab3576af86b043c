/** Latency at half the load that `ws` can take, in an open loop. */
import { driveLoop } from "../drive.ts";
import { subjectNamed } from "../subjects/index.ts";
import { contendersOf, withServer, type BenchCase } from "./case.ts";

const connections = 100;
const seed = 5489;

/** The rate is found once, so that every contender is offered the same. */
let messagesPerSecond = 0;

export const halfSaturationCase: BenchCase = {
  name: "half-saturation",
  title: "Latency at half the saturation rate",
  description:
    `An open loop: 64 B on ${connections} connections, at random (Poisson) ` +
    "times, at half the rate at which ws in one process saturated its core " +
    "just before. The latency counts from the time at which a message was to " +
    "be sent.",
  unit: "message",
  columns: [
    "p99Micros",
    "p50Micros",
    "p999Micros",
    "cpuMicros",
    "offeredPerSecond",
    "serverShare",
  ],
  prepare: async (context) => {
    const saturated = await withServer(
      subjectNamed("ws"),
      context,
      {},
      async (target) =>
        driveLoop(target, {
          kind: "closed-loop",
          connections,
          inFlight: 1,
          bytes: 64,
          warmupMs: context.warmupMs,
          measureMs: context.measureMs,
        }),
    );
    messagesPerSecond = Math.round(saturated.metrics.unitsPerSecond / 2);
  },
  contenders: contendersOf(
    ["sluice", "ws", "socket.io", "bun", "net"],
    async (subject, context) =>
      withServer(subject, context, {}, async (target) => {
        const { metrics, disturbed } = await driveLoop(target, {
          kind: "open-loop",
          connections,
          bytes: 64,
          messagesPerSecond,
          seed,
          warmupMs: context.warmupMs,
          measureMs: context.measureMs,
        });
        return {
          metrics: { ...metrics, offeredPerSecond: messagesPerSecond },
          disturbed,
        };
      }),
  ),
};
