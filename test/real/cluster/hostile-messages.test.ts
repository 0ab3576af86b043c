import { Kvm } from "@nats-io/kv";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import * as fc from "fast-check";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import {
  encodeMessage,
  Subjects,
} from "../../../src/main/cluster/instance-messages.ts";
import type { ServerOptions } from "../../../src/index.ts";
import { presenceTopic } from "../../../src/topics/rules.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
} from "../../support/system-packages.ts";
import { until } from "../../support/within.ts";
import { Member, TOPIC_SERVICE } from "../topics/member.ts";
import { NatsServer } from "./nats-server.ts";

beforeAll(() => ensureSystemPackages(["nats-server"]), INSTALL_TIMEOUT_MS);

const subjects = new Subjects("default");
const NEWS = subjects.topic("news");
const PRESENCE = subjects.topic(presenceTopic("news"));
const STRANGER = {
  id: "stranger",
  startedAt: 1,
  address: "127.0.0.1:1",
  version: "1.0.0",
  state: "listening",
  workers: 1,
  connections: 0,
  utilization: 0,
  acceptRate: 500,
};

async function startInstance(
  nats: NatsServer,
  options: ServerOptions = {},
): Promise<TestServer> {
  const server = await startServer({
    workers: 2,
    balance: "round-robin",
    handlers: TOPIC_SERVICE,
    nats: [nats.url],
    clusterHeartbeatMs: 200,
    maxPayloadBytes: 1_000,
    ...options,
  });
  await until("the link", () => server.stats().cluster?.state === "connected");
  return server;
}

/** Somebody on the same NATS who is no Sluice. */
async function intrude(nats: NatsServer): Promise<NatsConnection> {
  const intruder = await connect({ servers: nats.url });
  onTestFinished(() => intruder.close());
  return intruder;
}

function wire(payload: string | Uint8Array, isBinary = false): Buffer {
  const tag = "0123456789abcdef";
  const bytes = Buffer.from(payload);
  return encodeMessage({ tag, sequence: 0, isBinary, payload: bytes });
}

/** The server hears of NATS, and both its shards serve, watch and count as before. */
async function expectLife(
  server: TestServer,
  intruder: NatsConnection,
  members: readonly Member[],
  word: string,
): Promise<void> {
  intruder.publish(NEWS, wire(word));
  for (const member of members) {
    let heard = "";
    while (heard !== word) heard = await member.hears();
  }
  expect(server.stats().ledger.outcomes.crashed).toBe(0);
  expect(server.stats().shards.map(({ state }) => state)).toEqual([
    "serving.accepting",
    "serving.accepting",
  ]);
}

async function joinTwo(server: TestServer): Promise<Member[]> {
  const members = [
    await Member.join(server.port, "news"),
    await Member.join(server.port, "news"),
  ];
  for (const member of members)
    await member.order({ do: "watch", topic: "news" });
  server.watch("news", () => {});
  return members;
}

const MALFORMED = [
  ["presence that is no JSON", PRESENCE, wire("{")],
  ["presence that is null", PRESENCE, wire("null")],
  ["presence of another topic", PRESENCE, wire('{"type":"left","topic":"x"}')],
  ["presence that is not UTF-8", PRESENCE, wire(Buffer.from([0x80]))],
  ["text that is not UTF-8", NEWS, wire(Buffer.from([0xc0, 0x80]))],
  ["more than maxPayloadBytes", NEWS, wire(Buffer.alloc(1_001), true)],
  ["what is no message", NEWS, Buffer.from("hello")],
  ["nothing", NEWS, Buffer.alloc(0)],
  ["a count of what is no topic", subjects.count, Buffer.alloc(300, "x")],
  ["a count of half a character", subjects.count, Buffer.from([0xe2, 0x82])],
] as const;

it("drops and counts what is no message of another instance, and goes on", async () => {
  const nats = await NatsServer.start();
  const server = await startInstance(nats);
  const members = await joinTwo(server);
  const intruder = await intrude(nats);
  for (const [index, [name, subject, data]] of MALFORMED.entries()) {
    intruder.publish(subject, data, { reply: "_INBOX.nobody" });
    await until(
      `${name} is counted`,
      () => server.stats().malformed.instance === index + 1,
    );
    await expectLife(server, intruder, members, name);
  }
  expect(server.stats().malformed).toMatchObject({ shard: 0, process: 0 });
});

it("counts without those who answer with something else, and says that it is not all", async () => {
  const nats = await NatsServer.start();
  const server = await startInstance(nats);
  const members = await joinTwo(server);
  const intruder = await intrude(nats);
  const bucket = await new Kvm(intruder).open("sluice-default");
  const answers = ["{", "null", '{"count":-1,"isComplete":true}', "\u0000"];
  let answered = 0;
  intruder.subscribe(subjects.count, {
    callback: (_, question) => {
      question.respond(answers[answered++] ?? "");
    },
  });
  await intruder.flush();
  for (const answer of answers) {
    // Entries expire.
    await bucket.put("instance.stranger", JSON.stringify(STRANGER));
    expect(await members[0]?.order({ do: "count", topic: "news" })).toEqual({
      here: 2,
      cluster: 2,
      isComplete: false,
    });
    expect(answer).toBe(answers[answered - 1]);
  }
  expect(server.stats().malformed.instance).toBe(answers.length);
  await expectLife(server, intruder, members, "as before");
});

it.each([
  ["none", undefined],
  ["null", null],
  ["a word", "fast"],
  ["next to nothing", 0.001],
  ["less than nothing", -5],
  ["more than any server's", 1e12],
])("knows no instance whose acceptRate is %s", async (_, acceptRate) => {
  const nats = await NatsServer.start();
  const server = await startInstance(nats, { retryMinMs: 100 });
  const intruder = await intrude(nats);
  const bucket = await new Kvm(intruder).open("sluice-default");
  await bucket.put(
    "instance.stranger",
    JSON.stringify({ ...STRANGER, acceptRate }),
  );
  await bucket.put("instance.other", JSON.stringify(STRANGER));
  await bucket.put("instance.empty", "");
  const ids = (await server.instances()).map(({ id }) => id);
  expect(ids).not.toContain("stranger");
  expect(ids).toHaveLength(1);
  const client = await RawClient.open(server.port, "/");
  const report = server.shutdown();
  const { code, reason } = await client.closeFrame(60_000);
  client.sendClose(code);
  expect(reason).toMatch(/^retry-after-ms=\d{1,5}$/);
  expect(await report).toMatchObject({ balanced: true });
});

it("answers whoever counts while NATS dies", async () => {
  const nats = await NatsServer.start();
  const server = await startInstance(nats);
  await startInstance(nats);
  const members = await joinTwo(server);
  await until("both know each other", async () => {
    const { length } = await server.instances();
    return length === 2;
  });
  const counts = Array.from({ length: 50 }, () => server.subscribers("news"));
  const ordered = members.map((member) =>
    member.order({ do: "count", topic: "news" }),
  );
  const death = nats.kill();
  counts.push(...Array.from({ length: 50 }, () => server.subscribers("news")));
  await death;
  for (const { here } of await Promise.all(counts)) expect(here).toBe(2);
  for (const count of await Promise.all(ordered))
    expect(count).toMatchObject({ here: 2 });
  const later = await server.subscribers("news");
  expect(later).toMatchObject({ here: 2, isComplete: false });
});

it("goes on serving, whatever comes from NATS", async () => {
  const nats = await NatsServer.start();
  const server = await startInstance(nats);
  const members = await joinTwo(server);
  const intruder = await intrude(nats);
  const bucket = await new Kvm(intruder).open("sluice-default");
  const json = fc.oneof(
    fc.json(),
    fc
      .record(
        {
          type: fc.constantFrom<unknown>("joined", "left", "", null, 1),
          topic: fc.constantFrom<unknown>("news", "other", {}, 7),
          connection: fc.jsonValue(),
          instance: fc.jsonValue(),
          count: fc.jsonValue(),
          isComplete: fc.jsonValue(),
          holder: fc.jsonValue(),
          returningForMs: fc.jsonValue(),
        },
        { requiredKeys: [] },
      )
      .map((value) => JSON.stringify(value)),
  );
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 1_200 }),
    json.map((text) => Buffer.from(text)),
  );
  const data = fc.oneof(
    payload,
    fc
      .tuple(payload, fc.boolean())
      .map(([bytes, isBinary]) => wire(bytes, isBinary)),
  );
  const subject = fc.constantFrom(NEWS, PRESENCE, subjects.count);
  const key = fc.constantFrom("instance.stranger", "instance.x", "drain.0");
  let round = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(subject, data), { maxLength: 20 }),
      fc.array(fc.tuple(key, payload), { maxLength: 3 }),
      async (messages, entries) => {
        for (const [to, bytes] of messages)
          intruder.publish(to, bytes, { reply: "_INBOX.nobody" });
        for (const [name, bytes] of entries) await bucket.put(name, bytes);
        await server.instances();
        await expectLife(server, intruder, members, `round ${++round}`);
      },
    ),
    { numRuns: 40, interruptAfterTimeLimit: 20_000 },
  );
  expect(round).toBeGreaterThan(0);
  expect(server.stats().malformed.instance).toBeGreaterThan(0);
  expect(await server.subscribers("news")).toMatchObject({ here: 2 });
});
