/** One connection's messages are to reach every connection, again and again. */
import { Meter } from "./meter.ts";
import { openClients } from "./open-clients.ts";
import type { FanOutPlan, LoadOrder, LoopReport } from "./plan.ts";
import { buildScripts } from "./script.ts";
import { wires } from "./wires.ts";

/**
 * Publishes from the first connection and waits until each one, the publisher
 * included, has received every message exactly once; then publishes again. The
 * latency is from the publication to the last delivery.
 *
 * @param order - Where, and whom to watch.
 * @param plan - How many connections.
 * @throws Error when one receives a message twice, or ends.
 */
export async function fanOut(
  order: LoadOrder,
  plan: FanOutPlan,
): Promise<LoopReport> {
  const [script] = buildScripts(
    wires[order.target.wire],
    plan.bytes,
    plan.atOnce,
  );
  if (script === undefined) throw new Error("There is no script.");
  const meter = new Meter();
  const received = new Uint32Array(plan.connections);
  const failure = Promise.withResolvers<never>();
  let publications = 0;
  let missing = 0;
  let publishedAt = 0;

  const publish = (): void => {
    publications += plan.atOnce;
    missing = plan.connections * plan.atOnce;
    publishedAt = performance.now();
    clients[0]?.send(plan.atOnce);
  };

  const clients = await openClients(order.target, [script], plan.connections, {
    replied: (client, count) => {
      const total = (received[client.index] ?? 0) + count;
      received[client.index] = total;
      if (total > publications) {
        failure.reject(new Error(`Connection ${client.index} got a duplicate`));
        return;
      }
      meter.count(count);
      missing -= count;
      if (missing === 0) {
        meter.latency.record((performance.now() - publishedAt) * 1000);
        publish();
      }
    },
    ended: (client, error) => {
      failure.reject(
        new Error(`Connection ${client.index} ended under load`, {
          cause: error,
        }),
      );
    },
  });
  publish();
  return Promise.race([meter.measure(order.watched, plan), failure.promise]);
}
