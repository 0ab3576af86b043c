import type { Happening } from "../admin/api.ts";
import { addTargetFlags, connectAdmin } from "./admin-client.ts";
import type { AddCommand } from "./context.ts";
import { writeLine } from "./io.ts";
import { withoutControls } from "./text-table.ts";

/** `sluice events` */
export const addEventsCommand: AddCommand = (program, { io }) => {
  const command = program
    .command("events")
    .summary("what has happened to a running server, and what happens")
    .description(
      "Prints the last 200 things that have happened: crashes and failing handlers with their stack, blocked loops, refusals, steps of reloads, upgrades and shutdowns.",
    )
    .option("--follow", "go on with what happens, until the server ends");
  addTargetFlags(command).action(async () => {
    const { follow, json } = command.opts<{ follow?: true; json?: true }>();
    const client = connectAdmin(command, io);
    const write = (happening: Happening): Promise<void> =>
      writeLine(
        io.stdout,
        json === true ? JSON.stringify(happening) : renderHappening(happening),
      );
    if (follow !== true) {
      const all = await client.get<readonly Happening[]>("/api/happenings");
      for (const happening of all) await write(happening);
      return;
    }
    for await (const { event, data } of await client.events("/api/events"))
      if (event === "happening") await write(data as Happening);
  });
};

/** One line, and the stack of an error below it. */
function renderHappening({
  at,
  count,
  level,
  text,
  shard,
  error,
}: Happening): string {
  const where =
    shard === undefined || /\bshard \d/.test(text) ? "" : ` (shard ${shard})`;
  const often = count === 1 ? "" : `, ${count} times`;
  const line = `${new Date(at).toISOString()} ${level.padEnd(5)} ${text}${where}${often}`;
  const stack = error?.split("\n").map((each) => `    ${each}`) ?? [];
  return [line, ...stack].map(withoutControls).join("\n");
}
