import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { main } from "../../../src/cli/main.ts";
import { FakeIo } from "../../unit/cli/fake-io.ts";
import { type Command, serveCommand } from "../../support/command.ts";
import { RawClient } from "../../support/raw-client.ts";
import { within } from "../../support/within.ts";
import { judgeTalkers, openTalkers, type Talker } from "./talkers.ts";
import { type Behaviour, type Deployment, deployment } from "./versions.ts";

async function serveVersion(admin = ["--no-admin"]): Promise<{
  command: Command;
  versions: Deployment;
}> {
  const versions = await deployment();
  const command = await serveCommand([
    ...["--handlers", versions.file, "--workers", "2"],
    ...["--origins", "any", ...admin],
  ]);
  return { command, versions };
}

/** Sends SIGUSR2 and waits for what the log says of it. */
async function upgrade(command: Command): Promise<string> {
  const done = command.logged(
    /"event":"(?:upgraded|rolled-back)"[^\n]*/,
    45_000,
  );
  command.kill("SIGUSR2");
  return (await done)[0];
}

async function versionOf(talker: Talker | undefined): Promise<string> {
  const answer = (await talker?.ask("who")) as string;
  return (JSON.parse(answer) as { version: string }).version;
}

describe("an upgrade", () => {
  it("leaves every connection to the new process, and ends with a report", async () => {
    const { command, versions } = await serveVersion();
    const talkers = await openTalkers(command.port, 60);
    await versions.deploy("v2");
    let stdout = "";
    command.child.stdout?.on("data", (text: string) => (stdout += text));
    const ended = once(command.child, "exit");
    const said = await upgrade(command);
    const pid = Number(/"pid":(\d+),"moved":60/.exec(said)?.[1]);
    try {
      // The new process holds the pipes open: only the exit is waited for.
      expect(await within("its end", ended)).toEqual([0, null]);
      expect(JSON.parse(stdout)).toMatchObject({
        reason: "upgrade",
        opened: 60,
        movedOut: 60,
        balanced: true,
      });
      expect(await versionOf(talkers[0])).toBe("v2");
      expect(await judgeTalkers(talkers)).toEqual({
        closed: 0,
        wrong: 0,
        unanswered: 0,
      });
      const [newcomer] = await openTalkers(command.port, 1, { inFlight: 0 });
      expect(await versionOf(newcomer)).toBe("v2");
    } finally {
      process.kill(pid, "SIGKILL");
    }
  });

  it("is asked for by a command, which says what it came to", async () => {
    const { command, versions } = await serveVersion(["--admin-port", "0"]);
    const inspector = /inspector at http:\/\/127\.0\.0\.1:(\d+)/;
    const [, port = ""] = await command.logged(inspector);
    const talkers = await openTalkers(command.port, 12);
    const heard = await RawClient.open(command.port, "/echo", {
      "Sec-WebSocket-Protocol": "sluice.v1",
    });
    const [, , token] = (await heard.message()).split(" ");
    const ask = async (): Promise<{ status: number; said: string }> => {
      const io = new FakeIo({ args: ["upgrade", "--admin-port", port] });
      const status = await main(io);
      return { status, said: io.stdout.text + io.stderr.text };
    };
    await versions.deploy("bad", "throws at load");
    const refused = await ask();
    expect(refused.said).toMatch(
      /^error: .+ended with status 1; its log says why/,
    );
    expect(refused.status).toBe(1);
    await versions.deploy("v2");
    const { said, status } = await ask();
    const pid = Number(/^process (\d+) serves now: /.exec(said)?.[1]);
    try {
      expect(said).toMatch(/: 13 connections moved, 0 told to come back, in /);
      expect(status).toBe(0);
      expect(await versionOf(talkers[0])).toBe("v2");
      // What sluice.v1 is to a client has come along.
      heard.send(`?${token}`);
      expect(await heard.message()).toBe(`~${token}`);
    } finally {
      process.kill(pid, "SIGKILL");
    }
  });

  it("goes back with the hook that failed, with what, and how this process fared", async () => {
    const { command, versions } = await serveVersion();
    await openTalkers(command.port, 60);
    await versions.deploy("bad", "throws on a message");
    expect(await upgrade(command)).toMatch(
      /message failed for 2 of 2 connections that had moved, and meanwhile for 0 of (?:58|59|60) with the old version: Error: no message/,
    );
  });

  it.each<[Behaviour, number]>([
    ["throws at load", 0],
    ["throws on a message", 2],
    ["hangs on a message", 2],
    // Two go first; a thread that has taken eight ends the process.
    ["is killed while it takes over", 59],
  ])(
    "to a version that %s goes back, and both ledgers add up",
    async (behaviour, mostLost) => {
      const { command, versions } = await serveVersion();
      const talkers = await openTalkers(command.port, 60);
      await versions.deploy("bad", behaviour);
      expect(await upgrade(command)).toContain("rolled-back");
      const verdict = await judgeTalkers(talkers);
      expect(verdict.closed).toBeLessThanOrEqual(mostLost);
      expect(verdict).toMatchObject({ wrong: 0, unanswered: 0 });
      const survivor = talkers.find(({ isContent }) => isContent);
      expect(await versionOf(survivor)).toBe("v1");
      command.kill("SIGTERM");
      const { report } = await within("its end", command.ended);
      expect(report).toMatchObject({ opened: 60, balanced: true });
      const { movedIn, movedOut, closeCodes } = report;
      // Who has left and not come back is what the new process took with it:
      // nobody else has seen an end.
      expect(movedOut - movedIn).toBe(verdict.closed);
      expect(closeCodes).toEqual({ 1001: 60 - verdict.closed });
    },
  );
});
