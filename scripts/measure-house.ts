/**
 * Measures the plan of the house: how many sources and lines there are, which of
 * them import each other in a circle (types included), how many members `Server`
 * has, and in how many sources something runs when a connection opens, when a
 * message is answered, when a connection moves to another thread, and when the
 * server shuts down. The numbers in docs/decisions/18-house.md come from it.
 *
 *     node scripts/measure-house.ts [the root of a checkout]
 */
import { readdirSync, readFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { join, posix, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as sluice from "../src/index.ts";

const root = resolve(process.argv[2] ?? join(import.meta.dirname, ".."));
const sourceFolder = join(root, "src");

/** The sources that a server runs, each with those that it imports. */
function readImports(): Map<string, readonly string[]> {
  const names = readdirSync(sourceFolder, {
    recursive: true,
    encoding: "utf8",
  });
  const sources = names.filter(
    (name) => name.endsWith(".ts") && !name.startsWith("testing"),
  );
  return new Map(
    sources.map((name) => {
      const text = readFileSync(join(sourceFolder, name), "utf8");
      const targets = text.matchAll(/ from "(\.[^"]+)"/g);
      return [
        name,
        [...targets].map(([, to = ""]) => posix.join(posix.dirname(name), to)),
      ];
    }),
  );
}

/** What can be reached from a source, by one import or more. */
function reach(
  from: string,
  imports: ReadonlyMap<string, readonly string[]>,
): Set<string> {
  const reached = new Set<string>();
  const ahead = [...(imports.get(from) ?? [])];
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    ahead.push(...(imports.get(next) ?? []));
  }
  return reached;
}

/** Members of the class `Server`, as they stand at its first level. */
function membersOfServer(): number {
  const text = readFileSync(join(sourceFolder, "main/server.ts"), "utf8");
  const begin = text.search(/^(?:export )?class \w*Server\b/m);
  const body = text.slice(begin, text.indexOf("\n}\n", begin));
  return [...body.matchAll(/^ {2}(?! |\/|\}|@|\*)[^\n]*/gm)].filter(
    ([line]) => !/^ {2}[)\]|?:&]/.test(line),
  ).length;
}

/** The same code in main and, as a module of handlers, in each shard. */
const WATCH = `
import { Session } from "node:inspector/promises";
const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
const take = async () => {
  const { result } = await session.post("Profiler.takePreciseCoverage");
  return result
    .filter(({ functions }) => functions.some(({ functionName, ranges }) => functionName !== "" && ranges[0].count > 0))
    .map(({ url }) => url);
};`;
const HANDLERS = `${WATCH}
import { BroadcastChannel } from "node:worker_threads";
const channel = new BroadcastChannel("measure-house");
channel.onmessage = async ({ data }) => {
  if (data === "take") channel.postMessage(await take());
};
channel.unref();
export default {
  resume() {},
  message(connection, data) { connection.send(data); },
  // The thread waits for it, and cannot be asked any more once it has ended.
  async closed() { channel.postMessage(await take()); },
};`;

const moduleOf = (text: string): string =>
  `data:text/javascript,${encodeURIComponent(text)}`;

async function countRooms(): Promise<Record<string, number>> {
  const { serve } = (await import(
    pathToFileURL(join(sourceFolder, "index.ts")).href
  )) as Pick<typeof sluice, "serve">;
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", {
    callCount: true,
    detailed: true,
  });
  const workers = 2;
  const server = await serve({
    workers,
    port: 0,
    admin: false,
    handlers: moduleOf(HANDLERS),
    origins: "any",
    heartbeatIntervalMs: 0,
    rebalancePercent: 0,
    startDeadlineMs: 60_000,
  });
  const channel = new BroadcastChannel("measure-house");
  const takeMain = async (): Promise<string[]> => {
    const { result } = await session.post("Profiler.takePreciseCoverage");
    return result
      .filter(({ functions }) =>
        functions.some(
          ({ functionName, ranges }) =>
            functionName !== "" && (ranges[0]?.count ?? 0) > 0,
        ),
      )
      .map(({ url }) => url);
  };
  const takeShards = async (answersDue = workers): Promise<string[]> => {
    const urls: string[] = [];
    let answers = 0;
    const { promise, resolve: done } = Promise.withResolvers<void>();
    const hear = (event: Event): void => {
      const { data } = event as Event & { data: unknown };
      if (!Array.isArray(data)) return;
      urls.push(...(data as string[]));
      if (++answers === answersDue) done();
    };
    channel.addEventListener("message", hear);
    if (answersDue === workers) channel.postMessage("take");
    await promise;
    channel.removeEventListener("message", hear);
    return urls;
  };
  const rooms: Record<string, number> = {};
  const note = (phase: string, urls: readonly string[]): void => {
    const files = urls
      .filter((url) => url.startsWith("file:"))
      .map((url) => relative(sourceFolder, fileURLToPath(url)))
      .filter((file) => !file.startsWith(".."));
    rooms[phase] = new Set(files).size;
  };
  const during = async (
    phase: string,
    work: () => Promise<unknown>,
  ): Promise<void> => {
    await takeMain();
    await takeShards();
    await work();
    note(phase, [...(await takeMain()), ...(await takeShards())]);
  };
  const client = new WebSocket(`ws://127.0.0.1:${server.address.port}/`);
  const heard = (event: string): Promise<unknown> =>
    new Promise((resolved) => {
      client.addEventListener(event, resolved, { once: true });
    });
  await during("accept", () => heard("open"));
  await during("message", async () => {
    const answer = heard("message");
    client.send("hello");
    await answer;
  });
  const home = server
    .stats()
    .shards.find(({ connections }) => connections > 0)?.shard;
  await during(
    "move",
    () => server.drain({ shard: home ?? 0, move: true }).done,
  );
  await takeMain();
  await takeShards();
  const last = takeShards(1);
  await server.shutdown();
  note("shutdown", [...(await last), ...(await takeMain())]);
  channel.close();
  session.disconnect();
  return rooms;
}

const imports = readImports();
const inCircles = [...imports.keys()].filter((name) =>
  reach(name, imports).has(name),
);
const lines = [...imports.keys()].reduce(
  (sum, name) =>
    sum + readFileSync(join(sourceFolder, name), "utf8").split("\n").length - 1,
  0,
);
console.log({
  sources: imports.size,
  lines,
  sourcesInCircles: inCircles.length,
  membersOfServer: membersOfServer(),
});
console.log("sources in which something runs:", await countRooms());
