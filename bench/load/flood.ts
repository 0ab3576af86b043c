/** Connections that want a thread for themselves. */
import { once } from "node:events";
import { opcodes } from "./frames.ts";
import { openClients } from "./open-clients.ts";
import type {
  FloodPlan,
  HeldReport,
  LoadOrder,
  ReleasedReport,
} from "./plan.ts";
import { buildScripts } from "./script.ts";
import { masked, wires } from "./wires.ts";

/** One write: as many of the smallest frames as 64 KiB have. */
const pongsAtOnce = 10_000;

/**
 * Opens the connections, reports that they are there, and floods the server
 * with pongs until a line comes on stdin, or one of them has been closed.
 *
 * @param order - Where.
 * @param plan - How many.
 * @param report - Told when the flood has begun.
 */
export async function flood(
  order: LoadOrder,
  plan: FloodPlan,
  report: (held: HeldReport) => void,
): Promise<ReleasedReport> {
  const scripts = buildScripts(wires[order.target.wire], 1, 1);
  const clients = await openClients(order.target, scripts, plan.connections, {
    replied: () => {},
    ended: () => {},
  });
  const pong = masked(opcodes.pong, Buffer.alloc(0));
  const pongs = Buffer.concat(Array.from({ length: pongsAtOnce }, () => pong));
  for (const client of clients) client.flood(pongs);
  report({ kind: "held" });
  await once(process.stdin, "data");
  return { kind: "released" };
}
