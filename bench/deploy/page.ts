/** The figures as they stand in docs/handover.md. */
import { markdownTable, type Table } from "../report/table.ts";
import type { DeployResult } from "./comparison.ts";
import type { HistoriesResult } from "./histories.ts";
import type { IdleResult } from "./idle.ts";
import type { ProofResult } from "./proof.ts";
import type { HandoverResults } from "./results.ts";

/** Latencies by operation. */
export function proofTable({ phases }: ProofResult): Table {
  return {
    head: [
      "while",
      "times",
      "each takes",
      "p50",
      "p99",
      "max",
      "slowest per client, p50",
      "p99",
    ],
    rows: phases.map(({ name, times, tookMs, latencies }) => {
      const { messages, slowest } = latencies;
      const each = [messages.p50, messages.p99, messages.max];
      return [
        name,
        String(times),
        seconds(tookMs),
        ...[...each, slowest.p50, slowest.p99].map(milliseconds),
      ];
    }),
  };
}

/** What clients have seen of each deployment. */
export function comparisonTable(results: readonly DeployResult[]): Table {
  return {
    head: [
      "",
      "closes seen",
      "messages lost",
      "last client back after",
      "deployed in",
    ],
    rows: results.map(({ title, closes, lost, lastBackMs, tookMs }) => [
      title,
      describeCloses(closes),
      String(lost),
      lastBackMs === undefined ? "nobody was away" : seconds(lastBackMs),
      seconds(tookMs),
    ]),
  };
}

/** Everything between the markers. */
export function renderSection(results: HandoverResults): string {
  const { machine, versions, proof, histories, idle, comparison } = results;
  const { cpu, cores } = machine;
  const software = ["node", "ws", "socket.io"]
    .filter((name) => versions[name] !== undefined)
    .map((name) => `${name} ${versions[name]}`);
  return [
    `Measured by \`npm run handover -- --publish\` on ${cores} cores (${cpu}) that clients and server share; ${software.join(", ")}.`,
    ...(proof === undefined ? [] : [renderProof(proof)]),
    ...(histories === undefined ? [] : [renderHistories(histories)]),
    ...(idle === undefined ? [] : [renderIdle(idle)]),
    ...(comparison === undefined || proof === undefined
      ? []
      : [renderComparison(comparison, proof)]),
  ].join("\n\n");
}

function renderProof(proof: ProofResult): string {
  const { clients, intervalMs, reloads, upgrades } = proof.options;
  const { messages, processes, movedBetweenProcesses } = proof;
  return [
    "### Nobody notices",
    `${clients} clients, each sending a numbered message every ${intervalMs} ms whatever has been answered, through ${reloads} reloads and ` +
      `${upgrades} upgrades: none was closed, and of ${count(messages)} messages none was lost, repeated or out of order. The ledgers of the ` +
      `${processes} processes add up (${count(movedBetweenProcesses)} connections moved between them, the rest between shards). ` +
      "From sending to reply, for the messages that were sent while it was going on; and, by client and operation, for its slowest one:",
    markdownTable(proofTable(proof)),
  ].join("\n\n");
}

function renderHistories({
  options,
  operations,
  processes,
  messages,
  kinds,
}: HistoriesResult): string {
  const { clients, intervalMs, histories, seed } = options;
  return [
    "### Whatever comes first",
    `The same law as in [the tests](laws.md#of-histories), with ${clients} clients that send a message every ${intervalMs} ms: ${histories} random histories (\`npm run handover -- histories --histories ${histories} --seed ${seed}\`), ` +
      `${operations} operations in ${processes} processes. Nobody who could move was closed, except with a thread or a process that was killed; ${count(messages)} messages were answered, each once and in order; the ledgers add up, ` +
      "and no descriptor, thread or process was left.",
    markdownTable({
      head: ["operation", "times"],
      rows: Object.entries(kinds)
        .toSorted(([, a], [, b]) => b - a)
        .map(([kind, times]) => [kind, String(times)]),
    }),
  ].join("\n\n");
}

function renderIdle({
  connections,
  movedInMs,
  restartedInMs,
}: IdleResult): string {
  return `${count(connections)} idle connections moved to another shard in ${seconds(movedInMs)}; after ${seconds(restartedInMs)} the one that they left had started again.`;
}

function renderComparison(
  results: readonly DeployResult[],
  { options: { clients, intervalMs } }: ProofResult,
): string {
  return [
    "### What a deployment looks like from outside",
    `The same ${clients} clients, one message every ${intervalMs} ms each, during one deployment. Whoever is sent away comes back as Socket.IO's client does by ` +
      "default (after 0.5 to 1.5 s, then twice as long each time, at most 5 s), with every server; where a close frame names a time, " +
      "as Sluice's do, it is kept instead. Lost are messages that were sent and never answered.",
    markdownTable(comparisonTable(results)),
    "Sluice's own restart has its clients come back later than the others, by design: it tells each of them a time of its own. " +
      "The services start at once; where a start takes longer, everyone but the first row is away for longer.",
  ].join("\n\n");
}

function describeCloses(closes: Readonly<Record<string, number>>): string {
  const parts = Object.entries(closes).map(
    ([code, times]) => `${times} × ${code}`,
  );
  return parts.length === 0 ? "0" : parts.join(", ");
}

function count(number: number): string {
  return number.toLocaleString("en");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 1_000 ? 2 : 1)} s`;
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}
