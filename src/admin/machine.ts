import type { MachineStatus } from "./api.ts";
import { type InspectRequests, Unanswered } from "./inspect-requests.ts";
import type { InspectedServer } from "./inspected-server.ts";

/**
 * The machine that handlers run for each connection, and who is where in it.
 * While a reload is under way, shards may run two versions: the drawing is the
 * newer one's, and the counts are of both.
 */
export async function readMachine(
  server: InspectedServer,
  requests: InspectRequests,
): Promise<MachineStatus> {
  const answers = await Promise.allSettled(
    server.shards.map((shard) =>
      requests.ask<"actors">(shard, { type: "actors" }),
    ),
  );
  let chart: string | undefined;
  const counts = new Map<string, number>();
  const unanswered: number[] = [];
  for (const answer of answers) {
    if (answer.status === "rejected") {
      if (!(answer.reason instanceof Unanswered)) throw answer.reason;
      unanswered.push(answer.reason.shard);
      continue;
    }
    // Shards of a new version come behind those of the old one.
    chart = answer.value?.chart ?? chart;
    for (const [state, count] of answer.value?.population ?? [])
      counts.set(state, (counts.get(state) ?? 0) + count);
  }
  return { chart, population: [...counts], unanswered };
}
