/** One connection's machine alone: no socket, no frame, only the lifecycle. */
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { LifeReport } from "../machine/life.ts";
import { startPinned, stopProcess } from "../subjects/process.ts";
import type { BenchCase, Contender } from "./case.ts";

const script = fileURLToPath(new URL("../machine/life.ts", import.meta.url));

function contender(id: "sluice" | "xstate", title: string): Contender {
  return {
    id,
    title,
    relativeTo: "xstate",
    measure: async (context) => {
      const life = await startPinned(context.cores.server, process.execPath, [
        "--expose-gc",
        script,
        id,
        String(context.measureMs),
      ]);
      try {
        const { stdout } = life.child;
        if (stdout === null) throw new Error("It has no pipes.");
        for await (const line of createInterface({ input: stdout })) {
          // Written by machine/life.ts, which has the same type.
          return { metrics: JSON.parse(line) as LifeReport, disturbed: [] };
        }
        throw new Error(`It ended without a result: ${life.complaint()}`);
      } finally {
        await stopProcess(life);
      }
    },
  };
}

export const machineCase: BenchCase = {
  name: "machine",
  title: "One connection's machine alone",
  description:
    "The same XState machine from upgrading to terminated, by way of a " +
    "heartbeat and a shutdown, with actions that do nothing: run by a shard's " +
    "lifecycle runner, and by XState's own actors.",
  unit: "life",
  columns: ["lifeMicros", "transitionMicros", "openBytes"],
  contenders: [
    contender("sluice", "Sluice's lifecycle runner"),
    contender("xstate", "XState actors"),
  ],
};
