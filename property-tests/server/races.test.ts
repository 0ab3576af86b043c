import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import {
  closeFrame,
  frame,
  OPCODE,
  readClose,
} from "../../src/testing/frame-codec.ts";
import {
  type RawClient,
  upgradeRequest,
} from "../../test/support/raw-client.ts";
import { within } from "../../test/support/within.ts";
import { law } from "../support/laws.ts";
import { lookAround, nothingLeft } from "../support/remains.ts";
import { Stage, turn } from "./stage.ts";

const DEADLINE_MS = 250;
const GRACE_MS = 1_000;
const GOODBYE_CODE = 4000;
const SHUTDOWN_CODE = 1001;

/** The moments that the races are about; how many races have met each. */
const met = {
  "a socket is in flight between the threads when the broadcast passes it": 0,
  "a connection is in the middle of its upgrade when it hears of the shutdown": 0,
  "a peer closes at the moment we do": 0,
  "a handler that never returns is in flight when the shutdown comes": 0,
  "a shutdown is called off while connections are being told": 0,
  "a shutdown is forced before everyone has gone": 0,
};
type Moment = keyof typeof met;
let raced = 0;

function unmet(): string[] {
  return Object.entries(met).flatMap(([moment, count]) =>
    count === 0 ? [moment] : [],
  );
}

/** Turns of the event loop in which a shard begins to tell, if there is anyone to be told. */
const TURNS_TO_TELL = 50;

/** What a client does once its request is out. */
type CloseStatus = "stays" | "closes" | "resets" | "half-closes" | "breaks";
/** What the operator does. */
type Order = "shut down" | "shut down sooner" | "call off" | "force";

interface Plan {
  readonly goodbyes: readonly CloseStatus[];
  readonly path: string;
  readonly orders: readonly Order[];
  /** Steps that the operator lets pass before the first order. */
  readonly patience: number;
  /** Whoever is to close does so just after the first order, before it has read what that brings. */
  readonly isTogether: boolean;
  /** Whoever waits for it is handed over just before the first order, and passed by the broadcast. */
  readonly isPassing: boolean;
  /** Turns of the event loop between two steps: with none, they arrive together. */
  readonly turns: readonly number[];
}

const plans: fc.Arbitrary<Plan> = fc.record({
  goodbyes: fc.array(
    fc.constantFrom<CloseStatus>(
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
  patience: fc.nat(10),
  isTogether: fc.boolean(),
  isPassing: fc.boolean(),
  turns: fc.array(fc.nat(3), { minLength: 30, maxLength: 30 }),
});

/** What a client has seen, to its end. */
interface Seen {
  status: number | undefined;
  hasAsked: boolean;
  hasSaidGoodbye: boolean;
  /** It closed before it had heard the server's close frame. */
  hasClosedFirst: boolean;
  /** Close frames of the server. */
  codes: number[];
  fault: string | undefined;
}

function unseen(): Seen {
  return {
    status: undefined,
    hasAsked: false,
    hasSaidGoodbye: false,
    hasClosedFirst: false,
    codes: [],
    fault: undefined,
  };
}

interface Member {
  readonly client: RawClient;
  readonly closeStatus: CloseStatus;
  readonly seen: Seen;
}

async function watch({ client, closeStatus, seen }: Member): Promise<Seen> {
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
      if (closeStatus === "stays") client.sendClose(SHUTDOWN_CODE);
    }
  } catch {
    // TCP ended before there was an answer.
    return seen;
  }
}

function endWith({ client, closeStatus, seen }: Member): void {
  if (seen.hasSaidGoodbye) return;
  seen.hasSaidGoodbye = true;
  if (closeStatus === "closes") {
    seen.hasClosedFirst = seen.codes.length === 0;
    client.write(closeFrame(GOODBYE_CODE, "bye"));
  }
  if (closeStatus === "breaks") client.write(frame(0x3, "reserved"));
  if (closeStatus === "half-closes") client.socket.end();
  if (closeStatus === "resets") client.reset();
}

/** Plays a plan in the order that the scheduler chooses, and holds the end against the laws. */
async function race(plan: Plan, scheduler: fc.Scheduler): Promise<void> {
  const before = lookAround();
  const stage = await Stage.create();
  const members = await Promise.all(
    plan.goodbyes.map(async (closeStatus) => ({
      closeStatus,
      seen: unseen(),
      ...(await stage.connect()),
    })),
  );
  const ends = members.map(watch);
  const moments = new Set<Moment>();
  let step = 0;
  let isAwaitingWord = false;
  const pause = async (): Promise<void> => {
    const turns = plan.turns[step++ % plan.turns.length] ?? 0;
    for (let i = 0; i < turns; i++) await turn();
    if (!isAwaitingWord) return;
    for (let i = 0; i < TURNS_TO_TELL && stage.told === 0; i++) await turn();
  };
  const doing = (label: string, act: () => void, then = () => {}) => ({
    label,
    builder: async (): Promise<void> => {
      act();
      await pause();
      then();
    },
  });
  for (const [index, member] of members.entries()) {
    const { client, closeStatus, handOver, seen } = member;
    scheduler.scheduleSequence([doing(`${index} is handed over`, handOver)]);
    scheduler.scheduleSequence([
      doing(`${index} asks`, () => {
        seen.hasAsked = true;
        client.write(upgradeRequest(plan.path));
      }),
      doing(`${index} sends`, () => {
        const { destroyed, writableEnded } = client.socket;
        if (!destroyed && !writableEnded) client.send("message");
      }),
      doing(`${index} ${closeStatus}`, () => endWith(member)),
    ]);
  }
  const closing = plan.isTogether
    ? members.filter(({ closeStatus }) => closeStatus === "closes")
    : [];
  scheduler.scheduleSequence([
    ...Array.from({ length: plan.patience }, () => doing("wait", () => {})),
    ...plan.orders.map((order) =>
      doing(
        order,
        () => {
          for (const { client } of closing) client.socket.pause();
          if (plan.isPassing) for (const { handOver } of members) handOver();
          isAwaitingWord = closing.length > 0;
          give(order, stage, plan, moments);
        },
        () => {
          isAwaitingWord = false;
          for (const member of closing) {
            if (member.seen.hasAsked) endWith(member);
            member.client.socket.resume();
          }
        },
      ),
    ),
  ]);
  await scheduler.waitAll();
  if (!stage.isShuttingDown) stage.shutDown(DEADLINE_MS);
  const startedAt = performance.now();
  await stage.end();
  const tookMs = performance.now() - startedAt;
  // The shard has ended each of them; what it said first is still to be read.
  const seen = await within("the clients to end", Promise.all(ends));
  for (const { client } of members) client.destroy();
  judge(stage, plan, seen, tookMs);
  noteWhatIsSeen(seen, moments);
  raced++;
  for (const moment of moments) met[moment]++;
  await nothingLeft(before);
}

/** Gives an order, and notes in which moment it comes. */
function give(
  order: Order,
  stage: Stage,
  { path, isPassing }: Plan,
  moments: Set<Moment>,
): void {
  const { counters } = stage;
  const isAnyoneLeft = counters.live > 0;
  switch (order) {
    case "call off":
      if (isAnyoneLeft && counters.get("handed") > 0)
        moments.add(
          "a shutdown is called off while connections are being told",
        );
      return stage.callOff();
    case "force":
      if (isAnyoneLeft)
        moments.add("a shutdown is forced before everyone has gone");
      return stage.force();
    case "shut down":
    case "shut down sooner":
      if (path === "/gated" && counters.get("handlers") > 0)
        moments.add(
          "a handler that never returns is in flight when the shutdown comes",
        );
      if (stage.inFlight > 0)
        moments.add(
          "a socket is in flight between the threads when the broadcast passes it",
        );
      return stage.shutDown(
        order === "shut down" ? DEADLINE_MS : DEADLINE_MS / 2,
        isPassing,
      );
  }
}

/** The moments that only the clients' side shows for certain. */
function noteWhatIsSeen(seen: readonly Seen[], moments: Set<Moment>): void {
  if (seen.some(({ status }) => status === 503))
    moments.add(
      "a connection is in the middle of its upgrade when it hears of the shutdown",
    );
  // It had not heard our goodbye, and we said ours before we heard its.
  const haveCrossed = seen.some(
    ({ hasClosedFirst, codes }) => hasClosedFirst && codes[0] === SHUTDOWN_CODE,
  );
  if (haveCrossed) moments.add("a peer closes at the moment we do");
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
  const patient = goodbyes.filter(
    (closeStatus) => closeStatus === "stays",
  ).length;
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
    {
      runs: 400,
      timeLimitMs: 10_000,
      hasMetAll: () => unmet().length === 0,
    },
  );

  it("has met every moment that the races are about", () => {
    expect(unmet(), `of ${raced} races none met`).toEqual([]);
  });

  afterAll(() => {
    for (const [moment, count] of Object.entries(met))
      console.log(`${count} of ${raced} races: ${moment}`);
  });
});
