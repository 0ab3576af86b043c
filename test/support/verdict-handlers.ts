import { setTimeout as after } from "node:timers/promises";
import { BroadcastChannel } from "node:worker_threads";
import { type Connection, defineHandlers } from "../../src/index.ts";

/**
 * Handlers that decide about their visitors, and tell of every hook on the
 * BroadcastChannel of `?news=`.
 *
 * | path | does |
 * |---|---|
 * | `/turned-away?how=` | `opened` ends it: `close`, `throw`, `reject`, `close-later`, `reject-later` |
 * | `/asked?ms=` | `authorize` takes so long, whatever its signal says |
 * | `/first-word?how=` | the first message's handler ends it: `close` or `reject`, a little later; the others echo |
 * | `/work?ms=` | a message takes so long, and tells `begun` and `done` |
 * | `/late` | what it learns of itself only once it has ended |
 * | `/stand-still?ms=` | a message blocks the thread for so long |
 * | else | echoes, a little later |
 */
export default defineHandlers({
  async authorize({ url }, signal) {
    const { path, parameters } = describe(url);
    if (path !== "/asked") return;
    tell(url, { hook: "asked" });
    signal.addEventListener("abort", () => tell(url, { hook: "abandoned" }));
    await after(Number(parameters.get("ms")));
    tell(url, { hook: "authorized" });
  },

  opened(connection) {
    const { url } = connection.request;
    const { path, parameters } = describe(url);
    tell(url, { hook: "opened" });
    if (path === "/turned-away")
      return end(connection, parameters.get("how") ?? "");
    return undefined;
  },

  async message(connection, data) {
    const { url } = connection.request;
    const { path, parameters } = describe(url);
    const text = data.toString();
    tell(url, { hook: "message", text });
    if (path === "/stand-still") standStill(Number(parameters.get("ms")));
    if (path === "/first-word" && text === "0")
      return await end(connection, `${parameters.get("how")}-later`);
    await after(path === "/work" ? Number(parameters.get("ms")) : 5);
    connection.send(text);
    tell(url, { hook: "done", text });
    return undefined;
  },

  draining(connection) {
    tell(connection.request.url, { hook: "draining" });
  },

  closed(connection, { outcome }) {
    const { url } = connection.request;
    tell(url, { hook: "closed", outcome });
    if (describe(url).path === "/late")
      setImmediate(() => tell(url, { hook: "facts", ...factsOf(connection) }));
  },
});

function end(connection: Connection, how: string): Promise<void> | undefined {
  switch (how) {
    case "close":
      connection.close(4003, "not you");
      return undefined;
    case "throw":
      throw new Error("failed on purpose");
    case "reject":
      return Promise.reject(new Error("failed on purpose"));
    default:
      return after(20).then(() => end(connection, how.replace("-later", "")));
  }
}

function standStill(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** What a handler may still ask when the client has long left. */
function factsOf(connection: Connection): Record<string, unknown> {
  const { request, signal, state, bufferedBytes, topics } = connection;
  const { url, path, headers, remoteAddress, subprotocols } = request;
  connection.close();
  return {
    path,
    host: headers["host"],
    hasUrl: url.length > 0,
    remoteAddress,
    subprotocols,
    isAborted: signal.aborted,
    state,
    bufferedBytes,
    topics: [...topics],
    sent: connection.send("too late"),
    published: connection.publish("room", "too late"),
    subscribed: connection.subscribe("room"),
  };
}

function describe(url: string): { path: string; parameters: URLSearchParams } {
  const [path = "", query = ""] = url.split("?");
  return { path, parameters: new URLSearchParams(query) };
}

const news = new Map<string, BroadcastChannel>();

function tell(url: string, message: Record<string, unknown>): void {
  const name = describe(url).parameters.get("news");
  if (name === null) return;
  let channel = news.get(name);
  if (channel === undefined) {
    channel = new BroadcastChannel(name);
    news.set(name, channel);
  }
  channel.postMessage(message);
}
