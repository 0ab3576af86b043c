/** Fairness: what others notice of a client that floods its server. */
import { driveLoop } from "../drive.ts";
import { contendersOf, withLoad, withServer, type BenchCase } from "./case.ts";

const connections = 20;

function floodCase(flooders: number, title: string): BenchCase {
  return {
    name: `flood-${flooders}`,
    title,
    description:
      `${connections} connections, each sends 64 B when the message before ` +
      `has come back; beside them ${flooders} on the same thread that send ` +
      "pongs as fast as they are taken.",
    unit: "message",
    columns: ["p50Micros", "p99Micros", "unitsPerSecond", "serverShare"],
    contenders: contendersOf(["sluice", "ws"], async (subject, context) =>
      withServer(subject, context, {}, async (target) =>
        withLoad(
          target,
          { kind: "flood", connections: flooders },
          async (load) => {
            await load.next("held");
            return driveLoop(target, {
              kind: "closed-loop",
              connections,
              inFlight: 1,
              bytes: 64,
              warmupMs: context.warmupMs,
              measureMs: context.measureMs,
            });
          },
        ),
      ),
    ),
  };
}

export const floodCases: readonly BenchCase[] = [
  floodCase(1, "Echo beside one who floods"),
  floodCase(3, "Echo beside three who flood"),
  floodCase(10, "Echo beside ten who flood"),
];
