import { describe, expect, it } from "vitest";
import { serveCommand } from "../../support/command.ts";
import { closeFrame, frame, OPCODE } from "../../../src/testing/frame-codec.ts";
import { RawClient, upgradeRequest } from "../../support/raw-client.ts";
import { until, within } from "../../support/within.ts";

/** 50,000 in the long run; a fifth of them is enough to see a leak. */
const CONNECTIONS = Number(process.env["LEAK_CONNECTIONS"] ?? 10_000);
const AT_ONCE = 50;
/** What the heap may differ by between two collections, whatever was done. */
const NOISE_BYTES = 1.5 * 1024 * 1024;

const HELLO = Buffer.concat([
  Buffer.from(upgradeRequest(), "latin1"),
  frame(OPCODE.text, "hello"),
  closeFrame(1000),
]);

/** Lets main tell on SIGWINCH what it holds. */
const TELL_TALE = `data:text/javascript,${encodeURIComponent(`
  let count = 0;
  process.on("SIGWINCH", () => {
    const held = process.getActiveResourcesInfo().filter((kind) => kind !== "Timeout");
    console.error("held " + ++count + " " + held.sort().join());
  });
`)}`;

/** One short life: upgrade, a message, its echo, a close frame each way, the end of TCP. */
async function visit(port: number): Promise<void> {
  const client = await RawClient.connect(port, { isCleanedUp: false });
  client.write(HELLO);
  await client.ended;
  const received = Buffer.concat(client.received).length;
  // 129 bytes of response, 7 of echo and 4 of close frame.
  if (received !== 140) throw new Error(`got ${received} bytes, expected 140`);
}

async function visits(port: number, count: number): Promise<void> {
  let left = count;
  const guest = async (): Promise<void> => {
    while (left-- > 0) await visit(port);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, guest));
}

interface Holdings {
  handles: Record<string, number>;
  heapBytes: number;
}

describe("a leak", () => {
  it(
    "is not to be found after very many short connections",
    { timeout: 600_000 },
    async () => {
      const command = await serveCommand(
        ["--workers", "1"],
        ["--expose-gc", "--import", TELL_TALE],
      );
      let asked = 0;
      const main = async (): Promise<string> => {
        command.kill("SIGWINCH");
        const [, held = ""] = await command.logged(
          new RegExp(`held ${++asked} (.*)`),
        );
        return held;
      };
      const { port } = command;
      const observer = await RawClient.open(port, "/resources");
      const look = async (): Promise<Holdings> => {
        observer.send("?");
        const seen = JSON.parse(await observer.message()) as Holdings;
        // The timers that drive the beat, the wheel and the heartbeat come and go.
        delete seen.handles["Timeout"];
        return seen;
      };
      const settled = async (handles: Holdings["handles"]): Promise<Holdings> =>
        await until("its handles are back", async () => {
          const seen = await look();
          const isBack =
            JSON.stringify(seen.handles) === JSON.stringify(handles);
          return isBack && seen;
        });
      const tenth = CONNECTIONS / 5;
      // The first fifth warms up: code is compiled, tables are grown.
      const start = await look();
      const mainAtStart = await main();
      await visits(port, tenth);
      const second = await settled(start.handles);
      await visits(port, tenth * 4);
      const last = await settled(start.handles);
      expect(last.handles).toEqual(start.handles);
      expect(await main()).toBe(mainAtStart);
      expect(last.heapBytes - second.heapBytes).toBeLessThan(NOISE_BYTES);
      observer.sendClose();
      await within("its end", observer.ended);
      command.kill("SIGTERM");
      const { report, status } = await command.ended;
      expect(status).toBe(0);
      expect(report).toMatchObject({
        opened: CONNECTIONS + 1,
        outcomes: { clean: CONNECTIONS + 1 },
        balanced: true,
      });
    },
  );
});
