/** Connections that are opened, used once, and then only held. */
import { once } from "node:events";
import { openClients } from "./open-clients.ts";
import type {
  HeldReport,
  HoldPlan,
  LoadOrder,
  ReleasedReport,
} from "./plan.ts";
import { buildScripts } from "./script.ts";
import { wires } from "./wires.ts";

/**
 * Opens the connections, echoes one message on each, reports that they are
 * held, and closes them properly when a line comes on stdin.
 *
 * @param order - Where.
 * @param plan - How many.
 * @param report - Told when they are all held.
 * @returns When all are closed.
 * @throws Error when one ends before that.
 */
export async function hold(
  order: LoadOrder,
  plan: HoldPlan,
  report: (held: HeldReport) => void,
): Promise<ReleasedReport> {
  const scripts = buildScripts(wires[order.target.wire], plan.bytes, 1);
  const failure = Promise.withResolvers<never>();
  const echoed = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let replies = 0;
  let ended = 0;
  let releasing = false;
  const clients = await openClients(order.target, scripts, plan.connections, {
    replied: (_client, count) => {
      replies += count;
      if (replies === plan.connections) echoed.resolve();
    },
    ended: (client, error) => {
      ended += 1;
      if (!releasing) {
        failure.reject(
          new Error(`Connection ${client.index} ended while it was held`, {
            cause: error,
          }),
        );
      }
      if (ended === plan.connections) released.resolve();
    },
  });
  for (const client of clients) client.send(1);
  await Promise.race([echoed.promise, failure.promise]);
  report({ kind: "held" });
  await Promise.race([once(process.stdin, "data"), failure.promise]);
  releasing = true;
  for (const client of clients) client.close();
  await released.promise;
  return { kind: "released" };
}
