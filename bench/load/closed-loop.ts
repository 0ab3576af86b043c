/** Echo with a fixed number of messages in flight on each connection. */
import type { Client } from "./client.ts";
import { Meter } from "./meter.ts";
import { openClients } from "./open-clients.ts";
import type { ClosedLoopPlan, LoadOrder, LoopReport } from "./plan.ts";
import { buildScripts } from "./script.ts";
import { wires } from "./wires.ts";

/**
 * Runs a closed loop: every reply is followed by the next message.
 *
 * @param order - Where, and whom to watch.
 * @param plan - How many connections and messages.
 * @throws Error when a connection ends or a reply is wrong.
 */
export async function closedLoop(
  order: LoadOrder,
  plan: ClosedLoopPlan,
): Promise<LoopReport> {
  const { inFlight } = plan;
  const scripts = buildScripts(wires[order.target.wire], plan.bytes, inFlight);
  const meter = new Meter();
  // When each message in flight was sent, one ring for each connection:
  // replies come in order, so the oldest entry is the next one answered.
  const sentAt = new Float64Array(plan.connections * inFlight);
  const oldest = new Uint32Array(plan.connections);
  const failure = Promise.withResolvers<never>();

  const send = (client: Client, count: number, now: number): void => {
    const ring = client.index * inFlight;
    let place = oldest[client.index] ?? 0;
    for (let sent = 0; sent < count; sent++) {
      sentAt[ring + place] = now;
      place = place + 1 === inFlight ? 0 : place + 1;
    }
    oldest[client.index] = place;
    client.send(count);
  };

  const clients = await openClients(order.target, scripts, plan.connections, {
    replied: (client, count) => {
      const now = performance.now();
      const ring = client.index * inFlight;
      let place = oldest[client.index] ?? 0;
      for (let answered = 0; answered < count; answered++) {
        meter.latency.record((now - (sentAt[ring + place] ?? now)) * 1000);
        place = place + 1 === inFlight ? 0 : place + 1;
      }
      meter.count(count);
      send(client, count, now);
    },
    ended: (client, error) => {
      failure.reject(
        new Error(`Connection ${client.index} ended under load`, {
          cause: error,
        }),
      );
    },
  });
  const now = performance.now();
  for (const client of clients) send(client, inFlight, now);
  return Promise.race([meter.measure(order.watched, plan), failure.promise]);
}
