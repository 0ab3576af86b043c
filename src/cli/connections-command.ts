import { Option } from "commander";

import type {
  ConnectionDetails,
  ConnectionList,
  ListedConnection,
} from "../admin/api.ts";
import { resolveOption } from "../config.ts";
import { MAX_DELAY_MS } from "../config/units.ts";
import { sortKeys } from "../protocol/inspection-messages.ts";
import { addTargetFlags, connectAdmin } from "./admin-client.ts";
import type { AddCommand } from "./context.ts";
import { writeLine } from "./io.ts";
import { formatAge, formatBytes, renderTable } from "./text-table.ts";

interface Flags {
  readonly state?: string;
  readonly shard?: string;
  readonly path?: string;
  readonly address?: string;
  readonly topic?: string;
  readonly olderThan?: string;
  readonly youngerThan?: string;
  readonly sort?: string;
  readonly descending?: true;
  readonly limit?: string;
  readonly after?: string;
  readonly json?: true;
}

/** A duration of any length, by the rules of the other options. */
const durationSpec = {
  kind: "duration",
  group: "Command line",
  description: "",
  default: undefined,
  min: 0,
  max: MAX_DELAY_MS,
} as const;

/** Milliseconds of a duration that a flag gave. */
export function readDuration(
  given: string | undefined,
  flag: string,
): number | undefined {
  return resolveOption(durationSpec, given, flag);
}

/** `sluice connections [id]` */
export const addConnectionsCommand: AddCommand = (program, { io }) => {
  const command = program
    .command("connections")
    .summary("list a running server's connections, or show one")
    .description(
      "Lists who is connected, one page at a time, or shows all that is known of one. What is filtered by has to apply at once.",
    )
    .argument("[id]", "show this one, such as c42")
    .option("--state <STATE>", "in this state or its children, such as open")
    .option("--shard <N>", "on this shard")
    .option("--path <PREFIX>", "whose path starts so")
    .option("--address <PREFIX>", "whose remote address starts so")
    .option("--topic <TOPIC>", "who subscribes to it")
    .option("--older-than <TIME>", "open for longer, such as 5m")
    .option("--younger-than <TIME>", "open for less")
    .addOption(
      new Option("--sort <KEY>", "what to sort by [age]").choices(sortKeys),
    )
    .option("--descending", "largest, oldest or last first")
    .option("--limit <N>", "how many, 1 to 200 [50]")
    .option("--after <CURSOR>", "the page behind another, by its cursor");
  addTargetFlags(command).action(async (id: string | undefined) => {
    const flags = command.opts<Flags>();
    const client = connectAdmin(command, io);
    if (id !== undefined) {
      const details = await client.get<ConnectionDetails>(
        `/api/connections/${encodeURIComponent(id)}`,
      );
      const text = renderDetails(details);
      return writeLine(
        io.stdout,
        flags.json === true ? JSON.stringify(details) : text,
      );
    }
    const list = await client.get<ConnectionList>(
      `/api/connections?${toQuery(flags)}`,
    );
    return writeLine(
      io.stdout,
      flags.json === true ? JSON.stringify(list) : renderList(list),
    );
  });
};

function toQuery(flags: Flags): string {
  const fields = {
    state: flags.state,
    shard: flags.shard,
    path: flags.path,
    address: flags.address,
    topic: flags.topic,
    olderThanMs: readDuration(flags.olderThan, "--older-than"),
    youngerThanMs: readDuration(flags.youngerThan, "--younger-than"),
    sort: flags.sort,
    order: flags.descending === true ? "descending" : undefined,
    limit: flags.limit,
    after: flags.after,
  };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined) query.set(name, String(value));
  return query.toString();
}

/** A page of connections for people. */
export function renderList({
  rows,
  matching,
  next,
  unanswered,
}: ConnectionList): string {
  const notes = [
    `${rows.length} of ${matching}`,
    ...(next === undefined ? [] : [`go on with --after ${next}`]),
    ...unanswered.map((shard) => `shard ${shard} does not answer`),
  ];
  const table = renderTable(
    [
      { title: "id" },
      { title: "shard", isNumber: true },
      { title: "state" },
      { title: "path", maxWidth: 32 },
      { title: "address", maxWidth: 39 },
      { title: "age", isNumber: true },
      { title: "in", isNumber: true },
      { title: "out", isNumber: true },
      { title: "buffered", isNumber: true },
    ],
    rows.map((row) => [
      row.id,
      String(row.shard),
      row.state,
      row.path,
      row.remoteAddress,
      formatAge(row.ageMs),
      String(row.messagesIn),
      String(row.messagesOut),
      formatBytes(row.bufferedBytes),
    ]),
  );
  return rows.length === 0
    ? notes.join("; ")
    : `${table}\n\n${notes.join("; ")}`;
}

function renderDetails(details: ConnectionDetails): string {
  const facts: readonly (readonly [string, string])[] = [
    ...describeTraffic(details),
    ["url", details.url],
    ["subprotocol", details.subprotocol || "none"],
    ["compressed", details.isCompressed ? "yes" : "no"],
    ...(details.closeStatus === null
      ? []
      : [
          [
            "close status",
            `${details.closeStatus.code} ${details.closeStatus.reason}`,
          ] as const,
        ]),
    ...details.headers.map(
      ([name, value]) => [`header ${name}`, value] as const,
    ),
  ];
  return renderTable([{ title: details.id }, { title: details.state }], facts);
}

function describeTraffic(
  row: ListedConnection,
): readonly (readonly [string, string])[] {
  return [
    ["shard", String(row.shard)],
    ["address", row.remoteAddress],
    ["age", formatAge(row.ageMs)],
    ["in this state", formatAge(row.inStateMs)],
    ["received", `${row.messagesIn} messages, ${formatBytes(row.bytesIn)}`],
    ["sent", `${row.messagesOut} messages, ${formatBytes(row.bytesOut)}`],
    ["buffered", formatBytes(row.bufferedBytes)],
    ["handlers in flight", String(row.handlersInFlight)],
  ];
}
