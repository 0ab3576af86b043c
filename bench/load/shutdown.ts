/** What every client sees when the server is told to stop. */
import { openClients } from "./open-clients.ts";
import type { LoadOrder, ShutdownPlan, ShutdownReport } from "./plan.ts";
import { buildScripts } from "./script.ts";
import { wires } from "./wires.ts";

/**
 * Opens the connections, sends the server SIGTERM, answers every close frame
 * as a well-behaved client does, and waits until all connections have ended.
 *
 * @param order - Where.
 * @param plan - How many connections, whom to signal, how long to wait.
 */
export async function shutdown(
  order: LoadOrder,
  plan: ShutdownPlan,
): Promise<ShutdownReport> {
  const scripts = buildScripts(wires[order.target.wire], 1, 1);
  const allEnded = Promise.withResolvers<void>();
  let withCloseFrame = 0;
  let ended = 0;
  let lastCloseFrameAt = 0;
  let lastEndAt = 0;
  await openClients(order.target, scripts, plan.connections, {
    replied: () => {},
    closeFrame: () => {
      withCloseFrame += 1;
      lastCloseFrameAt = performance.now();
    },
    ended: () => {
      ended += 1;
      lastEndAt = performance.now();
      if (ended === plan.connections) allEnded.resolve();
    },
  });
  const signalledAt = performance.now();
  process.kill(plan.serverPid, "SIGTERM");
  const deadline = setTimeout(allEnded.resolve, plan.deadlineMs);
  await allEnded.promise;
  clearTimeout(deadline);
  return {
    kind: "shutdown",
    connections: plan.connections,
    withCloseFrame,
    lastCloseFrameMs: withCloseFrame === 0 ? 0 : lastCloseFrameAt - signalledAt,
    lastEndMs: ended === 0 ? 0 : lastEndAt - signalledAt,
    left: plan.connections - ended,
  };
}
