import { randomInt } from "node:crypto";
import { expect, it } from "vitest";
import { Line } from "../../test/support/line.ts";
import { startServer } from "../../test/support/server.ts";
import { until, within } from "../../test/support/within.ts";
import { Book } from "./book.ts";

const CLIENTS = 5;
const CUTS = 12;
/** Silence after which a client asks, and for how long it awaits an answer. */
const QUIET_MS = 200;
const ANSWER_MS = 5_000;

/** Clients whose way to the server is this one. */
function visit(line: Line): Book[] {
  return Array.from(
    { length: CLIENTS },
    () =>
      new Book(
        `ws://127.0.0.1:${line.port}/echo`,
        WebSocket,
        (url) => Promise.resolve(url),
        {
          heartbeat: true,
          quietMs: QUIET_MS,
          // Whoever is cut off again and again is soon back all the same.
          longestBackOffMs: 500,
        },
      ),
  );
}

async function areOpen(books: readonly Book[]): Promise<void> {
  await until("all are connected", () =>
    books.every(({ client }) => client.state.startsWith("open")),
  );
}

/** Ends them, and says what they must not have done. */
async function settle(books: readonly Book[]): Promise<string[]> {
  for (const { client } of books) client.close();
  await until("all have ended", () => books.every((book) => book.isClosed));
  expect(books.map(({ pending }) => pending)).toEqual(books.map(() => 0));
  return books.flatMap(({ violations }) => violations);
}

it("over lines that are cut, stalled and restored, and through a restart, clients keep their laws", async () => {
  const server = await startServer({ heartbeatIntervalMs: 500 });
  const [cut, hole, good] = await Promise.all([
    Line.lay(server.port),
    Line.lay(server.port),
    Line.lay(server.port),
  ]);
  const ways = { cut: visit(cut), hole: visit(hole), good: visit(good) };
  const all = Object.values(ways).flat();
  await areOpen(all);

  // Into a black hole: nobody is told, and each finds out by itself.
  const stalledAt = performance.now();
  hole.stall();
  for (const book of ways.hole) book.send("lost");
  const isNoticed = until(
    "the hole is noticed",
    () =>
      ways.hole.every(({ client }) => !client.state.startsWith("open")) &&
      performance.now() - stalledAt,
  );

  // Meanwhile another line is cut again and again, at random moments.
  for (let time = 0; time < CUTS; time++) {
    const before = ways.cut.map(({ opened }) => opened);
    for (const book of ways.cut) book.send("again");
    cut.cut();
    await until(
      "some are back",
      () =>
        ways.cut.filter(({ opened }, at) => opened > (before[at] ?? 0)).length >
        randomInt(CLIENTS),
    );
  }
  await areOpen(ways.cut);
  for (const { client } of ways.cut) client.reconnect();

  expect(await isNoticed).toBeGreaterThanOrEqual(ANSWER_MS);
  hole.restore();
  await areOpen(ways.hole);

  // And all of them through a restart, each at the time that it is told.
  const opened = all.map((book) => book.opened);
  await within("the end of the first", server.shutdown());
  for (const book of all) book.send("meanwhile");
  await startServer({ port: server.port });
  await until("all are back", () =>
    all.every((book, at) => book.opened > (opened[at] ?? 0)),
  );
  expect(await settle(all)).toEqual([]);
  expect(ways.good.map((book) => book.opened)).toEqual(ways.good.map(() => 2));
  expect(all.flatMap(({ fates }) => fates)).not.toContain("taken");
});
