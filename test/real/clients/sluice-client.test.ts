import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Client, connect } from "../../../src/client/index.ts";
import { startServer } from "../../support/server.ts";
import { within } from "../../support/within.ts";

const CLIENTS = 40;

interface Interruption {
  readonly code: number;
  readonly backInMs: number;
}

function open(port: number, options = {}): Client {
  const client = connect(`ws://127.0.0.1:${port}/echo`, options);
  onTestFinished(() => client.close());
  return client;
}

describe("the client of Sluice", () => {
  it("is back at a restarted server, each not before its own time, and loses nothing that it wanted to say meanwhile", async () => {
    // Its clients are told different times, over some two seconds.
    const first = await startServer({ acceptRate: 20 });
    const clients = Array.from({ length: CLIENTS }, () => open(first.port));
    await within(
      "all to connect",
      Promise.all(clients.map((client) => once(client, "open"))),
    );
    const interruptions = clients.map(async (client) => {
      const [event] = (await once(client, "interrupted")) as [Interruption];
      return {
        ...event,
        code: event.code,
        backInMs: event.backInMs,
        at: Date.now(),
      };
    });
    const { outcomes } = await first.shutdown();
    expect(outcomes).toMatchObject({ clean: CLIENTS });
    const told = await within("all to be told", Promise.all(interruptions));
    expect(new Set(told.map(({ code }) => code))).toEqual(new Set([1001]));
    expect(new Set(told.map(({ backInMs }) => backInMs)).size).toBeGreaterThan(
      CLIENTS / 2,
    );
    const echoes = clients.map(async (client, number) => {
      const back = once(client, "open").then(() => Date.now());
      const heard = once(client, "message");
      const fate = await client.send(`from ${number}`);
      const [message] = (await heard) as [MessageEvent];
      return { fate, data: message.data as unknown, backAt: await back };
    });
    await startServer({ port: first.port });
    const answers = await within("all to be back", Promise.all(echoes));
    for (const [number, { fate, data, backAt }] of answers.entries()) {
      const { at, backInMs } = told[number] as (typeof told)[number];
      expect({ fate, data }).toEqual({
        fate: "uncertain",
        data: `from ${number}`,
      });
      expect(backAt - at).toBeGreaterThanOrEqual(backInMs);
    }
  });

  it("tries again until a server is there, and hears text and bytes", async () => {
    const gone = await startServer();
    await gone.shutdown();
    const client = open(gone.port, { firstBackOffMs: 20 });
    const [{ code }] = (await within(
      "a failed attempt",
      once(client, "interrupted"),
    )) as [Interruption];
    expect(code).toBe(1006);
    await startServer({ port: gone.port });
    await within("it to connect", once(client, "open"));
    const messages = client[Symbol.asyncIterator]();
    const text = messages.next();
    void client.send("grüße");
    expect(await within("text", text)).toEqual({ done: false, value: "grüße" });
    const bytes = messages.next();
    void client.send(Uint8Array.of(1, 2, 3));
    const { value } = await within("bytes", bytes);
    expect(new Uint8Array(value as ArrayBuffer)).toEqual(
      Uint8Array.of(1, 2, 3),
    );
    client.close(4000, "done");
    const [ended] = (await within("its end", once(client, "close"))) as [
      { code: number; reason: string },
    ];
    expect(ended).toMatchObject({ code: 4000, reason: "done" });
  });
});
