import { closeSync, openSync } from "node:fs";
import { setTimeout as after } from "node:timers/promises";
import { BroadcastChannel } from "node:worker_threads";
import { type Connection, defineHandlers } from "../../src/index.ts";

/**
 * The handlers that the tests serve. The path says what a connection does, its
 * query how much; `?news=name` tells every hook's run on the BroadcastChannel of
 * that name.
 *
 * | path | does |
 * |---|---|
 * | `/echo` | echoes |
 * | `/slow?ms=` | echoes so many milliseconds later |
 * | `/slow-open?ms=` | `opened` takes so long, then says `opened`; echoes |
 * | `/last-word?ms=` | `draining` says `last word`, so many milliseconds later |
 * | `/push?count=&bytes=` | answers each message with many, all in one tick |
 * | `/flood?bytes=` | writes for ever, as fast as the peer reads |
 * | `/gated` | answers only once somebody sends `open` to `/gate` |
 * | `/close?code=&reason=` | says `bye` and closes on the first message |
 * | `/throw`, `/reject` | `message` fails |
 * | `/throw-opened`, `/reject-opened`, `/throw-draining`, `/throw-closed` | that hook fails |
 * | `/refuse?status=&body=` | `authorize` refuses |
 * | `/authorize-slow?ms=`, `/authorize-throw`, `/authorize-reject`, `/authorize-never`, `/authorize-nonsense` | what the name says |
 * | `/subprotocol?choose=` | `authorize` chooses it |
 * | `/facts` | answers with what the connection knows of itself, as JSON |
 * | `/block`, `/crash`, `/oom`, `/exit` | a message does that to the thread |
 * | `/native?file=` | a message holds the thread in a native call: it opens a named pipe that nobody writes to |
 * | `/print?lines=` | `closed` prints so many lines, and once more after a turn of the event loop |
 * | `/block-draining?ms=`, `/crash-draining?ms=`, `/exit-draining?ms=` | so many milliseconds after it is told to go, that is done to the thread |
 * | `/resources` | answers with what the thread holds, as JSON |
 */
export default defineHandlers<{ user: string }>({
  async authorize(request, signal) {
    const { path, parameters } = describe(request.url);
    switch (path) {
      case "/refuse":
        return {
          accept: false,
          status: Number(parameters.get("status") ?? 403),
          ...(parameters.has("body") && {
            body: parameters.get("body") as string,
          }),
          headers: { "X-Refused-By": "authorize" },
        };
      case "/authorize-slow":
        await after(Number(parameters.get("ms")));
        break;
      case "/authorize-throw":
      case "/authorize-reject":
        throw new Error("authorize failed on purpose");
      case "/authorize-never":
        tellNews(request.url, { hook: "authorize", isAborted: false });
        return await new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            tellNews(request.url, { hook: "authorize", isAborted: true });
            // Too late on purpose: nobody may take it for an acceptance.
            resolve({ accept: true });
          });
        });
      case "/authorize-nonsense":
        return "yes" as never;
      case "/subprotocol":
        return {
          accept: true,
          subprotocol: parameters.get("choose") ?? "",
        };
      default:
    }
    const user = request.headers["x-user"];
    return { accept: true, ...(user !== undefined && { data: { user } }) };
  },

  opened(connection) {
    const { path, parameters } = describe(connection.request.url);
    tellNews(connection.request.url, { hook: "opened", id: connection.id });
    if (path === "/throw-opened") throw new Error("opened failed on purpose");
    if (path === "/reject-opened")
      return Promise.reject(new Error("opened failed on purpose"));
    if (path === "/flood") {
      void flood(connection, Number(parameters.get("bytes") ?? 65_536));
      return undefined;
    }
    if (path !== "/slow-open") return undefined;
    return after(Number(parameters.get("ms"))).then(() => {
      connection.send("opened");
    });
  },

  message(connection, data, isBinary) {
    const { url } = connection.request;
    const { path, parameters } = describe(url);
    switch (path) {
      case "/slow":
        return after(Number(parameters.get("ms"))).then(() => {
          connection.send(data, isBinary);
        });
      case "/push":
        return push(connection, parameters);
      case "/flood":
      case "/hush":
        return undefined;
      case "/gate":
        gate.resolve();
        gate = Promise.withResolvers();
        return undefined;
      case "/gated":
        tellNews(url, { hook: "message", data: String(data) });
        return gate.promise.then(() => {
          connection.send(data, isBinary);
        });
      case "/close":
        connection.send("bye");
        connection.close(
          Number(parameters.get("code") ?? 1000),
          parameters.get("reason") ?? "",
        );
        return undefined;
      case "/throw":
        throw new Error("message failed on purpose");
      case "/reject":
        return Promise.reject(new Error("message failed on purpose"));
      case "/facts":
        connection.send(JSON.stringify(factsOf(connection)));
        return undefined;
      case "/block":
        for (;;);
      case "/native":
        closeSync(openSync(parameters.get("file") as string, "r"));
        return undefined;
      case "/crash":
        setTimeout(() => {
          throw new Error("crashed on purpose");
        });
        return undefined;
      case "/oom":
        return fillTheHeap();
      case "/exit":
        return process.exit(Number(String(data)));
      case "/resources":
        connection.send(JSON.stringify(resources()));
        return undefined;
      default:
        connection.send(data, isBinary);
        return undefined;
    }
  },

  draining(connection) {
    const { url } = connection.request;
    const { path, parameters } = describe(url);
    tellNews(url, { hook: "draining", id: connection.id });
    if (path === "/throw-draining")
      throw new Error("draining failed on purpose");
    const ms = Number(parameters.get("ms") ?? 0);
    const ending = endings[path];
    if (ending !== undefined) setTimeout(ending, ms);
    if (path !== "/last-word") return undefined;
    if (ms === 0) {
      connection.send("last word");
      return undefined;
    }
    return after(ms).then(() => {
      connection.send("last word");
    });
  },

  closed(connection, end) {
    const { url } = connection.request;
    tellNews(url, {
      hook: "closed",
      id: connection.id,
      state: connection.state,
      isAborted: connection.signal.aborted,
      sent: connection.send("too late"),
      ...end,
    });
    const { path, parameters } = describe(url);
    if (path === "/throw-closed") throw new Error("closed failed on purpose");
    if (path !== "/print") return undefined;
    const lines = Number(parameters.get("lines"));
    print(connection.id, 0, lines);
    return new Promise((resolve) => {
      setImmediate(() => {
        print(connection.id, lines, 2 * lines);
        resolve();
      });
    });
  },
});

/** What becomes of the thread of a connection that is told to go. */
const endings: Readonly<Record<string, () => void>> = {
  "/block-draining": () => {
    for (;;);
  },
  "/crash-draining": () => {
    throw new Error("crashed on purpose");
  },
  "/exit-draining": () => process.exit(3),
};

let gate = Promise.withResolvers<void>();

function describe(url: string): { path: string; parameters: URLSearchParams } {
  const [path = "", query = ""] = url.split("?");
  return { path, parameters: new URLSearchParams(query) };
}

const channels = new Map<string, BroadcastChannel>();

function tellNews(url: string, news: Record<string, unknown>): void {
  const name = describe(url).parameters.get("news");
  if (name === null) return;
  let channel = channels.get(name);
  if (channel === undefined) {
    channel = new BroadcastChannel(name);
    channels.set(name, channel);
  }
  channel.postMessage(news);
}

/** Writes as long as the connection is open, waiting whenever the peer is slow. */
async function flood(connection: Connection, bytes: number): Promise<void> {
  const payload = Buffer.alloc(bytes, "flood ");
  while (!connection.signal.aborted) {
    const status = connection.send(payload);
    if (status === "closed") return;
    if (status === "congested") await connection.drained();
    // Others want the thread as well.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Numbered messages, with the status that `send` gave each in a last one. */
function push(connection: Connection, parameters: URLSearchParams): void {
  const bytes = Number(parameters.get("bytes") ?? 0);
  const statuses = new Set<string>();
  for (let i = 0; i < Number(parameters.get("count")); i++)
    statuses.add(connection.send(`${i}:`.padEnd(bytes, "x")));
  connection.send([...statuses].join());
}

/** Numbered lines on stdout, of 100 characters. */
function print(id: string, from: number, to: number): void {
  for (let line = from; line < to; line++)
    process.stdout.write(`${`printed ${id} ${line} `.padEnd(99, "x")}\n`);
}

function factsOf(connection: Connection): Record<string, unknown> {
  const { id, request, subprotocol, data, state, bufferedBytes } = connection;
  const { url, path, headers, remoteAddress, subprotocols } = request;
  return {
    id,
    request: { url, path, headers, remoteAddress, subprotocols },
    subprotocol,
    data,
    state,
    bufferedBytes,
    isAborted: connection.signal.aborted,
  };
}

function fillTheHeap(): void {
  const kept: unknown[] = [];
  for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));
}

/** Handles by kind, and the heap and the buffers after a collection where `--expose-gc` allows one. */
function resources(): {
  handles: Record<string, number>;
  heapBytes: number;
  bufferBytes: number;
  /** What the thread has printed and main has not taken yet. */
  unprinted: number;
} {
  globalThis.gc?.();
  const handles: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo())
    handles[kind] = (handles[kind] ?? 0) + 1;
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const unprinted = process.stdout.writableLength;
  return { handles, heapBytes: heapUsed, bufferBytes: arrayBuffers, unprinted };
}
