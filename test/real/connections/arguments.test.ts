import { describe, expect, it } from "vitest";
import { serve, type SluiceServer } from "../../../src/index.ts";
import { openMany } from "../../support/crowd.ts";
import { RawClient } from "../../support/raw-client.ts";
import { SERVICE, shareServer, startServer } from "../../support/server.ts";

/** Handlers that try a call with arguments that it does not take, and send what came of it. */
const TRIES = `data:text/javascript,${encodeURIComponent(`
const tries = {
  send: (c) => c.send("x", "yes"),
  close: (c) => c.close(1000, 5),
  "subscribe words": (c) => c.subscribe("topic", { whenCongested: "dropp" }),
  "subscribe keys": (c) => c.subscribe("topic", { whenCongestd: "drop" }),
  unsubscribe: (c) => c.unsubscribe(5),
  "publish keys": (c) => c.publish("topic", "x", { includeself: true }),
  "publish words": (c) => c.publish("topic", "x", { includeSelf: "no" }),
  "shard publish": () => shard.publish("topic", "x", { isBinary: 1 }),
  watch: () => shard.watch("topic", {}),
};
let shard;
export default {
  started(here) { shard = here; },
  message(connection, data) {
    try {
      tries[data.toString()](connection);
      connection.send("taken");
    } catch (error) {
      connection.send(error.code + " " + error.message);
    }
  },
};`)}`;

const anything = (given: unknown): never => given as never;

describe("arguments of the server's calls", () => {
  const shared = shareServer({ workers: 2 });

  it.each<[string, (server: SluiceServer) => unknown, string]>([
    [
      "a deadline in words that are none",
      (server) => server.shutdown({ deadlineMs: "8 bananas" }),
      'shutdown(): deadlineMs: got "8 bananas", takes a duration',
    ],
    ...[Number.NaN, Infinity, 3e9, -1, 0.5, null].map(
      (deadlineMs): [string, (server: SluiceServer) => unknown, string] => [
        `a deadline of ${deadlineMs}`,
        (server) => server.shutdown({ deadlineMs: anything(deadlineMs) }),
        `shutdown(): deadlineMs: got ${deadlineMs}, takes`,
      ],
    ),
    [
      "a mistyped deadline",
      (server) => server.shutdown(anything({ deadline: 5 })),
      "shutdown(): deadline: no such option; did you mean deadlineMs?",
    ],
    [
      "a reason that is no text",
      (server) => server.shutdown({ reason: anything(5) }),
      "shutdown(): reason: got 5, takes text",
    ],
    [
      "options that are none",
      (server) => server.shutdown(anything(5)),
      "shutdown(): got 5, takes an object with deadlineMs, reason",
    ],
    [
      "a mistyped prefix",
      (server) => server.drain(anything({ pathPrefx: "/a" })),
      "drain(): pathPrefx: no such option; did you mean pathPrefix?",
    ],
    [
      "a prefix that is no text",
      (server) => server.drain({ pathPrefix: anything(5) }),
      "drain(): pathPrefix: got 5, takes how a path begins",
    ],
    [
      "a prefix that is empty, as all paths begin",
      (server) => server.drain({ pathPrefix: "" }),
      'drain(): pathPrefix: got "", takes how a path begins',
    ],
    [
      "a drain's deadline that is none",
      (server) => server.drain({ deadlineMs: Number.NaN }),
      "drain(): deadlineMs: got NaN, takes a duration",
    ],
    [
      "an age that is none",
      (server) => server.drain({ olderThanMs: "old" }),
      'drain(): olderThanMs: got "old", takes a duration',
    ],
    [
      "a shard that is none",
      (server) => server.drain({ shard: anything("a") }),
      'drain(): shard: got "a", takes an integer',
    ],
    [
      "a move that is neither",
      (server) => server.drain({ shard: 0, move: anything("maybe") }),
      'drain(): move: got "maybe", takes true or false',
    ],
    [
      "a shard to restart that is none",
      (server) => server.restartShard(anything(undefined)),
      "restartShard(): shard: got undefined, takes an integer",
    ],
    [
      "a shard to resume that is none",
      (server) => server.resume(anything(-1)),
      "resume(): shard: got -1, takes an integer",
    ],
    [
      "options of a publication",
      (server) => server.publish("a", "b", anything({ isbinary: true })),
      "publish(): isbinary: no such option; did you mean isBinary?",
    ],
    [
      "a listener that is none",
      (server) => server.watch("a", anything("b")),
      'watch(): listener: got "b", takes a function',
    ],
  ])("refuse %s, and nothing happens", async (_what, call, message) => {
    const server = shared();
    const [client] = await openMany(server.port, 1);
    const refusal = await Promise.resolve()
      .then(() => call(server))
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: "ERR_SLUICE_OPTION",
      message: expect.stringContaining(message),
    });
    expect(server.state).toBe("listening");
    client?.send("still here");
    expect(await client?.message()).toBe("still here");
  });

  it("take times in words, and an index as text", async () => {
    const server = await startServer();
    const options = { shard: anything("0"), deadlineMs: "5s" };
    const report = await server.drain({ ...options, olderThanMs: "1h" }).done;
    expect(report).toMatchObject({ notified: 0 });
    expect(await server.shutdown({ deadlineMs: "5s" })).toMatchObject({
      deadlineMs: 5_000,
    });
  });

  it("of serve are refused before anything starts", async () => {
    const options = { port: 0, workers: 1, handlers: SERVICE };
    await expect(serve(options, anything({ singal: 5 }))).rejects.toThrow(
      "serve(): singal: no such option; did you mean signal?",
    );
    await expect(serve(options, { signal: anything(5) })).rejects.toThrow(
      "serve(): signal: got 5, takes an AbortSignal",
    );
  });
});

describe("arguments of a connection's and a shard's calls", () => {
  const shared = shareServer({ handlers: TRIES });

  it.each([
    ["send", 'send(): isBinary: got "yes", takes true or false'],
    ["close", "close(): got 5 as a reason, takes text"],
    ["subscribe words", 'whenCongested: got "dropp", takes "close" or "drop"'],
    ["subscribe keys", "did you mean whenCongested?"],
    ["unsubscribe", "unsubscribe(): got number, takes a topic"],
    ["publish keys", "includeself: no such option; did you mean includeSelf?"],
    ["publish words", 'includeSelf: got "no", takes true or false'],
    ["shard publish", "isBinary: got 1, takes true or false"],
    ["watch", "watch(): listener: got {}, takes a function"],
  ])("are refused by %s", async (call, message) => {
    const client = await RawClient.open(shared().port);
    client.send(call);
    expect(await client.message()).toContain(message);
  });
});
