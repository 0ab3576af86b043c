import { addTargetFlags, connectAdmin } from "./admin-client.ts";
import type { AddCommand } from "./context.ts";
import { writeLine } from "./io.ts";
import { formatAge } from "./text-table.ts";

/** What each of these commands is answered; see the reports of the library. */
interface Answer {
  readonly moved: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly durationMs: number;
  /** Of a reload and an upgrade. */
  readonly notified?: number;
  /** Of an upgrade. */
  readonly pid?: number;
}

/** `sluice reload` */
export const addReloadCommand = commandFor(
  "reload",
  "load the handlers anew, under the feet of the connections",
  "Starts new shards with the handlers that are on disk now, tries them, and moves the connections there, as SIGHUP does. Where the new ones fail everything stays as it was. Who cannot move is told to come back.",
);

/** `sluice upgrade` */
export const addUpgradeCommand = commandFor(
  "upgrade",
  "start a new process that takes everything over",
  "Starts a new process from what is on disk now, tries it, and hands it the port and the connections, as SIGUSR2 does. Where it fails everything stays as it was. Who cannot move is told to come back.",
);

/** `sluice rebalance` */
export const addRebalanceCommand = commandFor(
  "rebalance",
  "even out the number of connections between shards",
  "Moves connections from the fullest shards to the emptiest, until all have as many. Nobody is closed.",
);

/** A command that asks a running server for one thing, waits, and says what it came to. */
function commandFor(
  name: string,
  summary: string,
  description: string,
): AddCommand {
  return (program, { io }) => {
    const command = program
      .command(name)
      .summary(summary)
      .description(description);
    addTargetFlags(command).action(async () => {
      const client = connectAdmin(command, io);
      const answer = await client.post<Answer>(`/api/${name}`, {});
      const isJson = command.opts<{ json?: true }>().json === true;
      await writeLine(
        io.stdout,
        isJson ? JSON.stringify(answer) : renderAnswer(answer),
      );
    });
  };
}

function renderAnswer({
  moved,
  refused,
  durationMs,
  notified,
  pid,
}: Answer): string {
  return [
    pid === undefined ? "" : `process ${pid} serves now: `,
    `${moved} connections moved`,
    notified === undefined ? "" : `, ${notified} told to come back`,
    describeRefusals(refused),
    `, in ${formatAge(durationMs)}`,
  ].join("");
}

/** In brackets, how many could not move for what; nothing where all could. */
export function describeRefusals(
  refused: Readonly<Record<string, number>>,
): string {
  const causes = Object.entries(refused).map(
    ([cause, count]) => `${cause} ${count}`,
  );
  return causes.length === 0 ? "" : ` (could not move: ${causes.join(", ")})`;
}
