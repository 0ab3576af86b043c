/** Connect, echo one message, close: a connection's whole life, over and over. */
import { Client } from "./client.ts";
import { Meter } from "./meter.ts";
import type { ChurnPlan, LoadOrder, LoopReport } from "./plan.ts";
import { buildScripts } from "./script.ts";
import { wires } from "./wires.ts";

/**
 * Runs `plan.parallel` such sequences side by side. The latency is that of a
 * whole sequence, from the first SYN to the end of TCP.
 *
 * @param order - Where, and whom to watch.
 * @param plan - How many at once.
 * @throws Error when a connection fails before its echo came back.
 */
export async function churn(
  order: LoadOrder,
  plan: ChurnPlan,
): Promise<LoopReport> {
  const scripts = buildScripts(wires[order.target.wire], plan.bytes, 1);
  const meter = new Meter();
  const failure = Promise.withResolvers<never>();

  const begin = (index: number): void => {
    const script = scripts[index % scripts.length];
    if (script === undefined) return;
    const startedAt = performance.now();
    let echoed = false;
    Client.connect(order.target, script, index, {
      opened: (client) => client.send(1),
      replied: (client) => {
        echoed = true;
        client.close();
      },
      ended: (_client, error) => {
        if (!echoed) {
          failure.reject(
            new Error("A connection ended before its echo", { cause: error }),
          );
          return;
        }
        meter.latency.record((performance.now() - startedAt) * 1000);
        meter.count(1);
        begin(index);
      },
    });
  };
  for (let index = 0; index < plan.parallel; index++) begin(index);
  return Promise.race([meter.measure(order.watched, plan), failure.promise]);
}
