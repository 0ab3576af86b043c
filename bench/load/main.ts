/** The load process: takes one order as JSON, prints its reports as JSON lines. */
import { writeSync } from "node:fs";
import { churn } from "./churn.ts";
import { closedLoop } from "./closed-loop.ts";
import { fanOut } from "./fan-out.ts";
import { flood } from "./flood.ts";
import { hold } from "./hold.ts";
import { openLoop } from "./open-loop.ts";
import type { LoadOrder, LoadReport } from "./plan.ts";
import { shutdown } from "./shutdown.ts";

const stdoutFd = 1;

function print(report: LoadReport): void {
  writeSync(stdoutFd, `${JSON.stringify(report)}\n`);
}

async function carryOut(order: LoadOrder): Promise<LoadReport> {
  const { plan } = order;
  switch (plan.kind) {
    case "closed-loop":
      return closedLoop(order, plan);
    case "open-loop":
      return openLoop(order, plan);
    case "churn":
      return churn(order, plan);
    case "fan-out":
      return fanOut(order, plan);
    case "hold":
      return hold(order, plan, print);
    case "flood":
      return flood(order, plan, print);
    case "shutdown":
      return shutdown(order, plan);
    default:
      throw new TypeError("The order has a plan of no known kind.", {
        cause: plan satisfies never,
      });
  }
}

const [, , argument] = process.argv;
if (argument === undefined) {
  throw new Error("The load process takes one argument, a LoadOrder as JSON.");
}
// The order comes from our own bench/drive.ts, which has the same types.
print(await carryOut(JSON.parse(argument) as LoadOrder));
// The connections are still open and the load still running.
process.exit(0);
