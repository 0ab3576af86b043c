import * as fc from "fast-check";
import { describe } from "vitest";
import {
  closeFrame,
  frame,
  OPCODE,
  readClose,
} from "../../test/support/frames.ts";
import {
  type RawClient,
  upgradeRequest,
} from "../../test/support/raw-client.ts";
import { within } from "../../test/support/within.ts";
import { law } from "../support/laws.ts";
import { Stage, turn } from "./stage.ts";

const DEADLINE_MS = 250;
const GRACE_MS = 1_000;

/** What a client does once its request is out. */
type Goodbye = "stays" | "closes" | "resets" | "half-closes" | "breaks";
/** What the operator does. */
type Order = "shut down" | "shut down sooner" | "call off" | "force";

interface Plan {
  readonly goodbyes: readonly Goodbye[];
  readonly path: string;
  readonly orders: readonly Order[];
  /** Turns of the event loop between two steps: with none, they arrive together. */
  readonly turns: readonly number[];
}

const plans: fc.Arbitrary<Plan> = fc.record({
  goodbyes: fc.array(
    fc.constantFrom<Goodbye>(
      "stays",
      "closes",
      "resets",
      "half-closes",
      "breaks",
    ),
    { minLength: 1, maxLength: 4 },
  ),
  path: fc.constantFrom(
    "/echo",
    "/last-word",
    "/authorize-slow?ms=5",
    "/gated",
    "/slow?ms=10",
  ),
  orders: fc.constantFrom<readonly Order[]>(
    ["shut down"],
    ["shut down", "shut down sooner"],
    ["shut down", "force"],
    ["shut down", "call off", "shut down"],
    ["shut down", "call off", "shut down", "call off"],
    ["force"],
  ),
  turns: fc.array(fc.nat(3), { minLength: 30, maxLength: 30 }),
});

/** What a client has seen, to its end. */
interface Seen {
  status: number | undefined;
  /** Close frames of the server. */
  codes: number[];
  fault: string | undefined;
}

async function watch(client: RawClient, answers: boolean): Promise<Seen> {
  const seen: Seen = { status: undefined, codes: [], fault: undefined };
  try {
    const { status } = await client.response();
    seen.status = status;
    if (status !== 101) return seen;
    for (;;) {
      const next = await client.next();
      if (next === undefined) return seen;
      if (seen.codes.length > 0)
        seen.fault ??= "something follows a close frame";
      if (next.opcode !== OPCODE.close) continue;
      seen.codes.push(readClose(next).code);
      if (answers) client.sendClose(1001);
    }
  } catch {
    // TCP ended before there was an answer.
    return seen;
  }
}

function sayGoodbye(client: RawClient, goodbye: Goodbye): void {
  if (goodbye === "closes") client.write(closeFrame(4000, "bye"));
  if (goodbye === "breaks") client.write(frame(0x3, "reserved"));
  if (goodbye === "half-closes") client.socket.end();
  if (goodbye === "resets") client.reset();
}

/** Plays a plan in the order that the scheduler chooses, and holds the end against the laws. */
async function race(plan: Plan, scheduler: fc.Scheduler): Promise<void> {
  const stage = await Stage.create();
  const members = await Promise.all(
    plan.goodbyes.map(async (goodbye) => ({
      goodbye,
      ...(await stage.connect()),
    })),
  );
  const seen = members.map(({ client, goodbye }) =>
    watch(client, goodbye === "stays"),
  );
  let step = 0;
  const pause = async (): Promise<void> => {
    const turns = plan.turns[step++ % plan.turns.length] ?? 0;
    for (let i = 0; i < turns; i++) await turn();
  };
  const doing = (label: string, act: () => void) => ({
    label,
    builder: async (): Promise<void> => {
      act();
      await pause();
    },
  });
  for (const [index, { client, goodbye, handOver }] of members.entries()) {
    scheduler.scheduleSequence([doing(`${index} is handed over`, handOver)]);
    scheduler.scheduleSequence([
      doing(`${index} asks`, () => client.write(upgradeRequest(plan.path))),
      doing(`${index} sends`, () => {
        if (!client.socket.destroyed) client.send("message");
      }),
      doing(`${index} ${goodbye}`, () => sayGoodbye(client, goodbye)),
    ]);
  }
  scheduler.scheduleSequence(
    plan.orders.map((order) =>
      doing(order, () => {
        if (order === "call off") stage.callOff();
        else if (order === "force") stage.force();
        else
          stage.shutDown(order === "shut down" ? DEADLINE_MS : DEADLINE_MS / 2);
      }),
    ),
  );
  await scheduler.waitAll();
  if (!stage.isShuttingDown) stage.shutDown(DEADLINE_MS);
  const startedAt = performance.now();
  await stage.end();
  const tookMs = performance.now() - startedAt;
  for (const { client } of members) client.destroy();
  const ends = await within("the clients to end", Promise.all(seen));
  judge(stage, plan, ends, tookMs);
}

function judge(
  { counters }: Stage,
  { goodbyes, orders }: Plan,
  seen: readonly Seen[],
  tookMs: number,
): void {
  const fail = (why: string): never => {
    throw new Error(`${why}: ${JSON.stringify(seen)}`);
  };
  const endings = [
    "clean",
    "unacknowledged",
    "forced",
    "lost",
    "crashed",
  ] as const;
  const ended = endings.reduce((sum, name) => sum + counters.get(name), 0);
  if (counters.live !== 0 || counters.upgrading !== 0) fail("someone is left");
  if (counters.get("opened") !== ended) fail("an outcome is missing");
  if (counters.get("crashed") !== 0) fail("someone is said to have crashed");
  if (tookMs > DEADLINE_MS + GRACE_MS) fail(`the shutdown took ${tookMs} ms`);
  const fault = seen.find((one) => one.fault !== undefined);
  if (fault !== undefined) fail(String(fault.fault));
  // Who was handed over, and waits for an answer, gets one, unless no time is left for it.
  const answered = seen.filter(({ status }) => status !== undefined).length;
  const patient = goodbyes.filter((goodbye) => goodbye === "stays").length;
  const refused = goodbyes.length - counters.get("handed");
  const isForced = orders.includes("force");
  if (!isForced && answered + refused < patient)
    fail("someone was cut without an answer");
  // Who was let in and stayed to the end was told to go; nobody is cut without a word.
  for (const [index, { status, codes }] of seen.entries())
    if (goodbyes[index] === "stays" && status === 101 && codes.length !== 1)
      fail(`client ${index} was let in and got ${codes.length} close frames`);
  const clean = seen.filter(
    ({ codes }, index) => codes.length === 1 && goodbyes[index] === "stays",
  ).length;
  const said = counters.get("clean") + counters.get("unacknowledged");
  if (said < clean) fail(`${clean} were told to go, ${said} are said to be`);
}

describe("a shard, whatever arrives first", () => {
  law(
    "gives everyone an outcome by the deadline, and tells everyone who was let in",
    fc.asyncProperty(plans, fc.scheduler(), race),
    { runs: 60, timeLimitMs: 15_000 },
  );
});
