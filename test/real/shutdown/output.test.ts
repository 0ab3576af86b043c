import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { type Command, serveCommand } from "../../support/command.ts";
import { live, openMany } from "../../support/crowd.ts";
import { RawClient } from "../../support/raw-client.ts";
import { until, within } from "../../support/within.ts";

const CLIENTS = 150;
const LINES = 20;
/** The server has ended, and what was printed waits for its reader. */
const ENDED = /"msg":"shut down in /;
const PRINTED = CLIENTS * LINES * 2;

async function openPrinters(command: Command): Promise<RawClient[]> {
  const clients = await openMany(
    command.port,
    CLIENTS,
    `/print?lines=${LINES}`,
  );
  for (const client of clients) void live(client);
  return clients;
}

/** Distinct lines that handlers have printed, whole. */
function printedIn(stdout: string): number {
  const lines = stdout.split("\n");
  return new Set(lines.filter((line) => /^printed \S+ \d+ x+$/.test(line)))
    .size;
}

/** The reader stops; what the pipe holds and what comes has to wait. */
function stopReading(command: Command): void {
  command.child.stdout?.pause();
}

describe("what handlers print before they settle", () => {
  it("comes out to the last line, and the report after it", async () => {
    const command = await serveCommand(["--workers", "2"]);
    await openPrinters(command);
    command.kill("SIGTERM");
    const { status, stdout, report } = await command.ended;
    expect(printedIn(stdout)).toBe(PRINTED);
    expect(report).toMatchObject({ outcomes: { clean: CLIENTS } });
    expect(status).toBe(0);
  });

  it("waits for a reader that is late, until the deadline", async () => {
    const command = await serveCommand([
      ...["--workers", "2", "--shutdown-deadline", "30s"],
    ]);
    await openPrinters(command);
    stopReading(command);
    command.kill("SIGTERM");
    await command.logged(ENDED);
    command.child.stdout?.resume();
    const { status, stdout, report } = await command.ended;
    expect(printedIn(stdout)).toBe(PRINTED);
    expect(report).toMatchObject({
      outcomes: { clean: CLIENTS },
      shardsKilled: 0,
    });
    expect(status).toBe(0);
  });

  it("comes out when its shard is restarted or replaced by a reload", async () => {
    const command = await serveCommand([
      ...["--workers", "2", "--trial", "100ms"],
    ]);
    await openPrinters(command);
    command.kill("SIGHUP");
    await command.logged(/every shard runs the new version/);
    command.kill("SIGTERM");
    const { stdout } = await command.ended;
    expect(printedIn(stdout)).toBe(PRINTED);
  });

  it("comes out when its shard dies right after", async () => {
    const command = await serveCommand(["--workers", "1"]);
    const clients = await openPrinters(command);
    for (const client of clients) client.sendClose();
    await Promise.all(clients.map(({ ended }) => ended));
    const killer = await RawClient.open(command.port, "/crash");
    killer.send("now");
    await command.logged(/"event":"died"/);
    command.kill("SIGTERM");
    const { stdout } = await command.ended;
    expect(printedIn(stdout)).toBe(PRINTED);
  });
});

describe("a reader of stdout that has stopped for good", () => {
  it("holds the process no longer than the deadline and its second of grace", async () => {
    const command = await serveCommand([
      ...["--workers", "2", "--shutdown-deadline", "1s"],
    ]);
    await openPrinters(command);
    stopReading(command);
    const gone = once(command.child, "exit");
    command.kill("SIGTERM");
    // How long, a test with a clock of its own says; a reader would be awaited for ever.
    const [status] = await within("the end of the process", gone);
    // Its lines are lost, and that is not success.
    expect(status).toBe(1);
    await command.logged(/not all that was printed could be written/);
  });

  it("does not withstand a second signal", async () => {
    const command = await serveCommand([
      ...["--workers", "2", "--shutdown-deadline", "10m"],
    ]);
    await openPrinters(command);
    stopReading(command);
    const gone = once(command.child, "exit");
    command.kill("SIGTERM");
    await command.logged(ENDED);
    command.kill("SIGTERM");
    const [status] = await within("the end of the process", gone);
    expect(status).toBe(1);
  });
});

/** Beyond what waits for a reader, in lines of 100 characters. */
const TOO_MANY = 450_000;

describe("a reader of stdout that has stopped while the server serves", () => {
  it("is kept a limited amount, and what it does not get is counted", async () => {
    const command = await serveCommand(["--workers", "1"]);
    stopReading(command);
    const printer = await RawClient.open(
      command.port,
      `/print?lines=${TOO_MANY / 2}`,
    );
    printer.sendClose();
    await printer.ended;
    const client = await RawClient.open(command.port, "/resources");
    // Main takes the lines as it comes to them, and has to have them all.
    await until("the thread has passed everything on", async () => {
      client.send("now");
      const { unprinted } = JSON.parse(await client.message()) as {
        unprinted: number;
      };
      return unprinted === 0;
    });
    command.child.stdout?.resume();
    const [, lines] = await command.logged(
      /"event":"output-dropped","shard":0,"stream":"stdout","lines":(\d+)/,
    );
    void live(client);
    command.kill("SIGTERM");
    const { stdout } = await within("the end", command.ended);
    expect(Number(lines)).toBeGreaterThan(0);
    expect(printedIn(stdout) + Number(lines)).toBe(TOO_MANY);
  });
});
