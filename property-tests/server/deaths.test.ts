import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { until, within } from "../../test/support/within.ts";
import { law } from "../support/laws.ts";
import { lookAround, nothingLeft } from "../support/remains.ts";
import { type Habit, LedgerModel, type Member } from "./ledger-model.ts";
import { DEADLINE_MS, DRAIN_DEADLINE_MS, SHARDS, World } from "./world.ts";

/** How a handler ends its thread, once it has been told to go. */
const manners = ["crash", "exit", "block"] as const;
type Manner = (typeof manners)[number];

interface Plan {
  readonly what: "drain" | "shutdown";
  readonly manner: Manner;
  /** Between the telling and the death. */
  readonly afterMs: number;
  readonly others: readonly { readonly path: string; readonly habit: Habit }[];
}

const plans: fc.Arbitrary<Plan> = fc
  .record({
    what: fc.constantFrom("drain" as const, "shutdown" as const),
    manner: fc.constantFrom(...manners),
    afterMs: fc.nat(150),
    others: fc.array(
      fc.record({
        path: fc.constantFrom("/echo", "/slow?ms=150", "/gated"),
        habit: fc.constantFrom<Habit>("answering", "mute"),
      }),
      { minLength: 3, maxLength: 8 },
    ),
  })
  // A thread that stands still is ended by a shutdown only.
  .filter(({ what, manner }) => what === "shutdown" || manner !== "block");

/** How many died while connections of theirs were on their way out. */
const met: Record<Manner, number> = { crash: 0, exit: 0, block: 0 };
let played = 0;

function diedAmongOthers(): number {
  return Object.values(met).reduce((sum, count) => sum + count);
}

/** A shard dies while it drains: the others' connections end as they should, and all are accounted for. */
async function die({ what, manner, afterMs, others }: Plan): Promise<void> {
  const before = lookAround();
  const world = await World.create({ balance: "round-robin" });
  const { server } = world;
  try {
    const model = new LedgerModel(SHARDS);
    const killer = await world.open(model, `/${manner}-draining?ms=${afterMs}`);
    for (const { path, habit } of others) {
      const member = await world.open(model, path);
      // It has a message in its hands when it is told to go.
      if (path === "/gated") world.clientOf(member).raw.send("never answered");
      if (path.startsWith("/slow")) world.clientOf(member).raw.send("slowly");
      member.habit = habit;
    }
    // It waits for the close frame that never comes, so that the shard lives until its death.
    killer.habit = "mute";
    await within<unknown>(
      "the end",
      what === "drain" ? drainAll(world) : server.shutdown(),
    );
    const { outcomes } = server.stats().ledger;
    judge(model, killer, outcomes);
    if (outcomes.crashed > 1) met[manner]++;
    played++;
    if (what === "drain") await goOn(world, model);
    const end = await within("the report", server.shutdown());
    expect(end).toMatchObject({
      balanced: true,
      deadlineHeld: true,
      shardsCrashed: manner === "block" ? 0 : 1,
      shardsKilled: manner === "block" ? 1 : 0,
    });
    expect(end.durationMs).toBeLessThan(DEADLINE_MS + 1_000);
  } finally {
    await world.dispose();
  }
  await nothingLeft(before);
}

async function drainAll({ server }: World): Promise<void> {
  const { wasCalledOff } = await server.drain({ deadlineMs: DRAIN_DEADLINE_MS })
    .done;
  expect(wasCalledOff).toBe(false);
}

/** Those on the shard that lives end as if nothing were; of those on the other each ends so, or with its thread. */
function judge(
  model: LedgerModel,
  killer: Member,
  outcomes: Readonly<Record<string, number>>,
): void {
  const on = (shard: number, habit: Habit): number =>
    model.members.filter(
      (member) => member.shard === shard && member.habit === habit,
    ).length;
  const { shard: dying } = killer;
  const spared = {
    clean: on(1 - dying, "answering"),
    mute: on(1 - dying, "mute"),
  };
  const doomed = { clean: on(dying, "answering"), mute: on(dying, "mute") };
  const { clean = 0, unacknowledged = 0, crashed = 0 } = outcomes;
  expect(clean).toBeGreaterThanOrEqual(spared.clean);
  expect(clean).toBeLessThanOrEqual(spared.clean + doomed.clean);
  expect(unacknowledged).toBeGreaterThanOrEqual(spared.mute);
  expect(crashed).toBeGreaterThanOrEqual(1);
  expect(clean + unacknowledged + crashed).toBe(model.opened);
}

/** After a drain, a thread stands in the place of the dead one, and serves. */
async function goOn(world: World, model: LedgerModel): Promise<void> {
  const { server } = world;
  await until("both shards are there", () =>
    server.stats().shards.every(({ state }) => state.startsWith("serving")),
  );
  server.resume();
  for (let shard = 0; shard < SHARDS; shard++) await world.serving(shard);
  const member = await world.open(model, "/echo");
  world.clientOf(member).ask("alive?");
  await world.clientOf(member).answered();
}

describe("a shard that dies while it drains", () => {
  law(
    "takes nobody of the others along, holds nothing up, and is accounted for",
    fc.asyncProperty(plans, die),
    {
      runs: 8,
      timeLimitMs: 10_000,
      hasMetAll: () => diedAmongOthers() > 0,
    },
  );

  it("has had connections on their way out when it died", () => {
    expect(diedAmongOthers(), `of ${played} shards`).toBeGreaterThan(0);
  });

  afterAll(() => {
    console.log(
      `of ${played} shards these died with others on their way out: ${JSON.stringify(met)}`,
    );
  });
});
