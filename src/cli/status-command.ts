import type { HandoverStatus, Status } from "../admin/api.ts";
import { addTargetFlags, connectAdmin } from "./admin-client.ts";
import type { AddCommand } from "./context.ts";
import { writeLine } from "./io.ts";
import { formatAge, formatBytes, renderTable } from "./text-table.ts";

/** `sluice status` */
export const addStatusCommand: AddCommand = (program, { io }) => {
  const command = program
    .command("status")
    .summary("how a running server is: states, shards, ledger")
    .description(
      "Shows how a running server is: its state, its shards, how many connections are in which state, and how those that are over have ended.",
    );
  addTargetFlags(command).action(async () => {
    const status = await connectAdmin(command, io).get<Status>("/api/status");
    const isJson = command.opts<{ json?: true }>().json === true;
    await writeLine(
      io.stdout,
      isJson ? JSON.stringify(status) : renderStatus(status),
    );
  });
};

/** The server for people, on one screen. */
export function renderStatus(status: Status): string {
  const { at, server, shards, connections, ledger } = status;
  const { shutdown } = server;
  return [
    `${server.state}  ${server.url}  pid ${server.pid}  up ${formatAge(at - server.startedAt)}`,
    ...(shutdown === undefined
      ? []
      : [
          `shutting down (${shutdown.reason}): ${formatAge(shutdown.deadlineInMs)} left of ${formatAge(shutdown.deadlineMs)}`,
        ]),
    "",
    `${connections} connections of at most ${server.maxConnections}`,
    "",
    renderStates(status),
    "",
    renderTable(
      [
        { title: "shard" },
        { title: "state" },
        { title: "connections", isNumber: true },
        { title: "busy", isNumber: true },
        { title: "received", isNumber: true },
        { title: "sent", isNumber: true },
        { title: "handlers", isNumber: true },
        { title: "restarts", isNumber: true },
      ],
      shards.map((shard) => [
        String(shard.shard),
        shard.isBlocked ? `${shard.state}, blocked` : shard.state,
        String(shard.connections),
        `${Math.round(shard.utilization * 100)} %`,
        `${shard.messagesIn} (${formatBytes(shard.bytesIn)})`,
        `${shard.messagesOut} (${formatBytes(shard.bytesOut)})`,
        String(shard.handlersInFlight),
        String(shard.restarts),
      ]),
    ),
    "",
    describeHandover(status.handover),
    "",
    renderTable(
      [{ title: "ledger" }, { title: "since start", isNumber: true }],
      Object.entries({
        accepted: ledger.accepted,
        probes: ledger.probes,
        requests: ledger.requests,
        answers: ledger.answers,
        opened: ledger.opened,
        ...ledger.outcomes,
      }).map(([name, count]) => [name, String(count)]),
    ),
  ].join("\n");
}

/** What a reload or an upgrade would come to, and what moves have come to. */
function describeHandover({
  off,
  movable,
  immovable,
  moved,
  durations,
}: HandoverStatus): string {
  if (off !== undefined) return `handover is off: ${off}`;
  const stay = Object.entries(immovable).map(
    ([cause, count]) => `, ${count} cannot (${cause})`,
  );
  const past =
    moved === 0
      ? ""
      : `; ${moved} have, unread for ${formatAge(durations.p50Ms)} (p50) to ${formatAge(durations.maxMs)}`;
  return `handover: ${movable} connections can move${stay.join("")}${past}`;
}

function renderStates({ shards }: Status): string {
  const names = [
    ...new Set(shards.flatMap(({ states }) => Object.keys(states))),
  ];
  const rows = names
    .map((name) => ({
      name,
      counts: shards.map(({ states }) => states[name] ?? 0),
    }))
    .filter(
      ({ name, counts }) =>
        name === "open.healthy" || counts.some((count) => count > 0),
    );
  return renderTable(
    [
      { title: "state" },
      { title: "all", isNumber: true },
      ...shards.map(({ shard }) => ({
        title: `shard ${shard}`,
        isNumber: true,
      })),
    ],
    rows.map(({ name, counts }) => [
      name,
      String(counts.reduce((sum, count) => sum + count, 0)),
      ...counts.map(String),
    ]),
  );
}
