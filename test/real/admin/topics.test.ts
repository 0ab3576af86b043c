import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import type { ConnectionList, TopicList } from "../../../src/admin/api.ts";
import { main } from "../../../src/cli/main.ts";
import { FakeIo } from "../../unit/cli/fake-io.ts";
import { startServer } from "../../support/server.ts";
import { callAdmin, connect, post } from "./call-admin.ts";

const SERVICE = fileURLToPath(
  new URL("../topics/topic-service.ts", import.meta.url),
);
const ADMIN = { admin: true, adminPort: 0, workers: 2, handlers: SERVICE };

type Server = Awaited<ReturnType<typeof startServer>>;

/** Has a client of the service do something, and waits until it is done. */
async function order(client: WebSocket, what: object): Promise<void> {
  client.send(JSON.stringify(what));
  const [answer] = (await once(client, "message")) as [Buffer];
  expect(String(answer)).toMatch(/^=(true|"sent")$/);
}

/** Clients that subscribe; they are on the first shard and the second in turn. */
async function subscribers(
  server: Server,
  ...wanted: readonly string[][]
): Promise<WebSocket[]> {
  const clients: WebSocket[] = [];
  for (const own of wanted) {
    const client = await connect(server, "/");
    for (const topic of own) await order(client, { do: "subscribe", topic });
    clients.push(client);
  }
  return clients;
}

async function topics(server: Server, query = ""): Promise<TopicList> {
  return (await callAdmin(server, `/api/topics${query}`)).json();
}

async function sluice(server: Server, ...args: readonly string[]) {
  const port = String(server.adminAddress?.port);
  const io = new FakeIo({ args, env: { SLUICE_ADMIN_PORT: port } });
  const status = await main(io);
  return { status, out: io.stdout.text, err: io.stderr.text };
}

describe("the topics of a running server", () => {
  it("are listed with their subscribers on every shard, their messages, and who subscribes", async () => {
    const server = await startServer(ADMIN);
    const [ann, bob] = await subscribers(
      server,
      ["room/1", "news"],
      ["room/1"],
      ["room/1", "room/2"],
    );
    const heard = once(bob as WebSocket, "message");
    await order(ann as WebSocket, {
      ...{ do: "publish", topic: "room/1", text: "hello" },
    });
    await heard;
    const all = await topics(server);
    expect(all).toMatchObject({ hasMore: false, unanswered: [] });
    expect(all.rows).toEqual([
      {
        name: "room/1",
        subscribers: 3,
        shards: [
          { shard: 0, subscribers: 2 },
          { shard: 1, subscribers: 1 },
        ],
        messages: 1,
        dropped: 0,
      },
      expect.objectContaining({ name: "news", subscribers: 1 }),
      expect.objectContaining({ name: "room/2", subscribers: 1 }),
    ]);
    const names = async (query: string) =>
      (await topics(server, query)).rows.map(({ name }) => name);
    expect(await names("?prefix=room/&sort=name")).toEqual([
      "room/1",
      "room/2",
    ]);
    expect(await names("?topic=news")).toEqual(["news"]);
    expect(await names("?topic=nobody")).toEqual([]);
    expect(await topics(server, "?limit=1")).toMatchObject({
      rows: [{ name: "room/1" }],
      hasMore: true,
    });
    const members = await callAdmin(server, "/api/connections?topic=room/1");
    const { rows, matching } = members.json<ConnectionList>();
    expect(matching).toBe(3);
    expect(rows.map(({ id }) => id).toSorted()).toEqual(["c1", "c2", "c3"]);
  });

  it("take a message by hand, and say how many it was for", async () => {
    const server = await startServer(ADMIN);
    const clients = await subscribers(server, ["room"], ["room"], ["hall"]);
    const heard = clients
      .slice(0, 2)
      .map((client) => once(client, "message") as Promise<[Buffer]>);
    const { out } = await sluice(server, "publish", "room", "to all of you");
    expect(out).toBe("sent to 2 subscribers\n");
    const texts = (await Promise.all(heard)).map(([data]) => String(data));
    expect(texts).toEqual(["to all of you", "to all of you"]);
    const long = await sluice(server, "publish", "x".repeat(300), "text");
    expect([long.status, long.err]).toEqual([
      1,
      expect.stringContaining("takes a topic of 1 to 256 bytes"),
    ]);
    const nothing = await post(server, "/api/topics/publish", { topic: "a" });
    expect(nothing.status).toBe(400);
  });

  it("are shown in the shell, with what is on them a second", async () => {
    const server = await startServer(ADMIN);
    await subscribers(server, ["room"], ["room"]);
    const { out } = await sluice(server, "topics");
    expect(out).toMatch(/^room +2 +0: 1, 1: 1 +0\.0 +0 +0$/m);
    expect(out).toMatch(/1 topic\n$/);
    const members = await sluice(server, "connections", "--topic", "room");
    expect(members.out).toContain("2 of 2");
    const none = await sluice(server, "topics", "--prefix", "hall");
    expect(none.out).toBe("nobody subscribes to such a topic\n");
  });

  it("are counted by shard in the metrics, and not by name", async () => {
    const server = await startServer(ADMIN);
    const [ann] = await subscribers(server, ["room", "hall"], ["room"]);
    await order(ann as WebSocket, {
      ...{ do: "publish", topic: "hall", text: "hello" },
    });
    const { text } = await callAdmin(server, "/metrics");
    expect(text).toContain('sluice_topics{shard="0"} 2');
    expect(text).toContain('sluice_topic_subscriptions{shard="1"} 1');
    expect(text).toContain('sluice_topic_messages_total{shard="0"} 1');
    expect(text).toContain('sluice_topic_messages_dropped_total{shard="0"} 0');
    expect(text).not.toContain("hall");
  });

  it("are listed of the shards that answer while one is blocked", async () => {
    const server = await startServer({
      ...ADMIN,
      handlers: fileURLToPath(new URL("blocking-topics.ts", import.meta.url)),
    });
    const [blocked] = [await connect(server, "/"), await connect(server, "/")];
    const begins = once(blocked, "message");
    blocked.send("block");
    await begins;
    const { rows, unanswered } = await topics(server);
    expect(unanswered).toEqual([0]);
    expect(rows).toEqual([expect.objectContaining({ subscribers: 1 })]);
  });
});
