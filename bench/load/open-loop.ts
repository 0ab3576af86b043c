/**
 * Echo at a given rate, whether or not earlier messages were answered. The
 * latency counts from the time at which a message should have been sent, so
 * that a server that stalls cannot slow down its own measurement.
 */
import { LatencyHistogram } from "../measure/histogram.ts";
import { Meter } from "./meter.ts";
import { openClients } from "./open-clients.ts";
import type { LoadOrder, LoopReport, OpenLoopPlan } from "./plan.ts";
import { buildScripts } from "./script.ts";
import { wires } from "./wires.ts";

/** No server is to be this far behind: a queue that only grows ends the run. */
const mostUnanswered = 100_000;

/**
 * Runs an open loop with exponentially distributed gaps between messages, the
 * connections in turn.
 *
 * @param order - Where, and whom to watch.
 * @param plan - How many connections, and at which rate.
 * @throws Error when a connection ends, a reply is wrong, or the server falls
 *   behind for good.
 */
export async function openLoop(
  order: LoadOrder,
  plan: OpenLoopPlan,
): Promise<LoopReport> {
  const scripts = buildScripts(wires[order.target.wire], plan.bytes, 1);
  const meter = new Meter();
  const lag = new LatencyHistogram();
  const due: number[][] = Array.from({ length: plan.connections }, () => []);
  const failure = Promise.withResolvers<never>();
  let unanswered = 0;

  const clients = await openClients(order.target, scripts, plan.connections, {
    replied: (client, count) => {
      const now = performance.now();
      // Few are unanswered on one connection, so that shifting is cheap.
      const queue = due[client.index] ?? [];
      for (let answered = 0; answered < count; answered++) {
        meter.latency.record((now - (queue.shift() ?? now)) * 1000);
      }
      unanswered -= count;
      meter.count(count);
    },
    ended: (client, error) => {
      failure.reject(
        new Error(`Connection ${client.index} ended under load`, {
          cause: error,
        }),
      );
    },
  });

  const random = seededRandom(plan.seed);
  const meanGapMs = 1000 / plan.messagesPerSecond;
  let next = performance.now();
  let turn = 0;
  const sendDue = (): void => {
    const now = performance.now();
    while (next <= now) {
      const client = clients[turn];
      due[turn]?.push(next);
      client?.send(1);
      lag.record((now - next) * 1000);
      unanswered += 1;
      turn = turn + 1 === clients.length ? 0 : turn + 1;
      next -= Math.log(1 - random()) * meanGapMs;
    }
    if (unanswered > mostUnanswered) {
      failure.reject(
        new Error(
          `The server cannot follow ${plan.messagesPerSecond} messages a second.`,
        ),
      );
      return;
    }
    // A timer's millisecond would be most of the latency: poll instead.
    setImmediate(sendDue);
  };
  sendDue();
  const report = await Promise.race([
    meter.measure(order.watched, plan),
    failure.promise,
  ]);
  return { ...report, sendLagP99Micros: lag.quantile(0.99) };
}

/** mulberry32: uniform in [0, 1), the same sequence for the same seed. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
