import { setTimeout as pass } from "node:timers/promises";
import { expect, it } from "vitest";
import { type Command, serveCommand } from "../../support/command.ts";
import { RawClient } from "../../support/raw-client.ts";
import { within } from "../../support/within.ts";

/** The process stands still for so long, as on a machine that is paused. */
async function standStill({ child }: Command, ms: number): Promise<void> {
  child.kill("SIGSTOP");
  await pass(ms);
}

it("a process that was stopped beyond the deadline of its shutdown reads who has answered before it judges", async () => {
  const command = await serveCommand([
    "--workers",
    "2",
    "--shutdown-deadline",
    "1500ms",
  ]);
  const clients = await Promise.all(
    Array.from({ length: 6 }, () => RawClient.open(command.port, "/echo")),
  );
  command.kill("SIGTERM");
  await Promise.all(clients.map((each) => each.closeFrame()));
  await standStill(command, 3_000);
  for (const client of clients) client.sendClose(1001);
  command.kill("SIGCONT");
  const { report } = await within("the end", command.ended);
  expect(report).toMatchObject({ shardsKilled: 0, shardsCrashed: 0 });
  expect(report.outcomes).toMatchObject({
    clean: 6,
    unacknowledged: 0,
    lost: 0,
    crashed: 0,
  });
});

it("a process that was stopped says of no shard that it is blocked", async () => {
  const command = await serveCommand(["--blocked-after", "1s"]);
  const client = await RawClient.open(command.port, "/echo");
  await standStill(command, 2_500);
  command.kill("SIGCONT");
  client.send("still here");
  expect(await client.message()).toBe("still here");
  client.sendClose(1000);
  await within("the end of TCP", client.ended);
  command.kill("SIGTERM");
  const { stderr, stdout } = await within("the end", command.ended);
  expect(stderr + stdout).not.toContain("blocked");
});
