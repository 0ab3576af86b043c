import { until, within } from "../../../test/support/within.ts";
import type { LedgerModel, Member } from "../ledger-model.ts";
import { CLOSE_CODE, DRAIN_DEADLINE_MS, type World } from "../world.ts";
import { Settling } from "./command.ts";

/** A handler ends its thread with an error. */
export class KillShard extends Settling {
  check(model: Readonly<LedgerModel>): boolean {
    // The back-off doubles with each death, and so does the test's time.
    return (
      model.takesConnections &&
      model.kills < 2 &&
      model.upgrading === 0 &&
      !model.hasBlockedShard
    );
  }

  protected async act(model: LedgerModel, world: World): Promise<void> {
    const { shard, ...rest } = await world.open(model, "/crash");
    world.clientOf(model.members[rest.id] as Member).raw.send("go");
    model.kills++;
    model.crash(shard);
    await world.settled(model);
    await world.serving(shard);
  }

  toString(): string {
    return "a shard dies";
  }
}

/** A handler blocks its thread for ever. */
export class BlockShard extends Settling {
  check(model: Readonly<LedgerModel>): boolean {
    return model.takesConnections && !model.hasBlockedShard;
  }

  protected async act(model: LedgerModel, world: World): Promise<void> {
    const { shard, ...rest } = await world.open(model, "/block");
    world.clientOf(model.members[rest.id] as Member).raw.send("go");
    await until(
      "the block is noticed",
      () => world.server.stats().shards[shard]?.isBlocked,
    );
    Object.assign(model.shards[shard] as object, { isBlocked: true });
  }

  toString(): string {
    return "a handler blocks its shard";
  }
}

type Aim =
  | { readonly kind: "shard"; readonly shard: number }
  | { readonly kind: "path"; readonly pathPrefix: string }
  | { readonly kind: "all" };

/** What the aim of a drain means for the model. */
function aimedAt(model: Readonly<LedgerModel>, aim: Aim): readonly Member[] {
  switch (aim.kind) {
    case "shard":
      return model.live.filter(({ shard }) => shard === aim.shard);
    case "path":
      return model.live.filter(({ path }) => path.startsWith(aim.pathPrefix));
    case "all":
    default:
      return model.live;
  }
}

const targetOf = (aim: Aim): { shard?: number; pathPrefix?: string } => {
  if (aim.kind === "shard") return { shard: aim.shard };
  return aim.kind === "path" ? { pathPrefix: aim.pathPrefix } : {};
};

const suspend = (model: LedgerModel, aim: Aim): void => {
  for (const [index, shard] of model.shards.entries())
    if (aim.kind === "all" || (aim.kind === "shard" && aim.shard === index))
      shard.isSuspended = true;
};

/** Some connections are drained, and the server goes on. */
export class DrainSome extends Settling {
  readonly aim: Aim;

  constructor(aim: Aim) {
    super();
    this.aim = aim;
  }

  check(model: Readonly<LedgerModel>): boolean {
    return model.isListening && !model.hasBlockedShard;
  }

  protected async act(model: LedgerModel, world: World): Promise<void> {
    const aimed = aimedAt(model, this.aim);
    const drain = world.server.drain({
      ...targetOf(this.aim),
      deadlineMs: DRAIN_DEADLINE_MS,
    });
    suspend(model, this.aim);
    for (const member of aimed) model.dismiss(member, CLOSE_CODE);
    const { notified: told, wasCalledOff } = await within(
      "the drain",
      drain.done,
    );
    if (told !== aimed.length || wasCalledOff)
      throw new Error(`${told} were told, ${aimed.length} were meant`);
  }

  toString(): string {
    return `drain ${JSON.stringify(targetOf(this.aim))}`;
  }
}

/** A drain is called off while it is under way: nobody is half-told. */
export class CallOffDrain extends Settling {
  readonly isBegun: boolean;

  /** @param isBegun - The first has been told when it is called off. */
  constructor(isBegun: boolean) {
    super();
    this.isBegun = isBegun;
  }

  check(model: Readonly<LedgerModel>): boolean {
    return (
      model.isListening &&
      !model.hasBlockedShard &&
      model.live.every(({ habit }) => habit === "answering") &&
      (!this.isBegun || model.live.length > 0)
    );
  }

  protected async act(model: LedgerModel, world: World): Promise<void> {
    const { live } = model;
    const drain = world.server.drain({ deadlineMs: DRAIN_DEADLINE_MS });
    if (this.isBegun)
      await until("one is told", () => world.told(live).length > 0);
    drain.callOff();
    // One that is done by then cannot be called off: its shards stay drained.
    const { notified: told, wasCalledOff } = await within(
      "the drain",
      drain.done,
    );
    for (const shard of model.shards) shard.isSuspended = !wasCalledOff;
    await until("the told know it", () => world.told(live).length === told);
    for (const member of world.told(live)) model.dismiss(member, CLOSE_CODE);
    if (wasCalledOff) await world.listening(model);
  }

  toString(): string {
    return `a drain of all is called off${this.isBegun ? " when it has begun" : ""}`;
  }
}

/** A shutdown is called off while it is under way. */
export class CallOffShutdown extends Settling {
  readonly isBegun: boolean;

  constructor(isBegun: boolean) {
    super();
    this.isBegun = isBegun;
  }

  check(model: Readonly<LedgerModel>): boolean {
    return (
      !model.isOver &&
      !model.hasBlockedShard &&
      model.upgrading === 0 &&
      model.live.length > 1 &&
      model.live.every(({ habit }) => habit === "answering")
    );
  }

  protected async act(model: LedgerModel, world: World): Promise<void> {
    const { live } = model;
    const { server } = world;
    const promise = server.shutdown();
    const calledOff = promise.then(
      () => "a report",
      (error: Error & { code?: string }) => error.code,
    );
    if (this.isBegun)
      await until("one is told", () => world.told(live).length > 0);
    const isInTime = server.callOff();
    if (!isInTime) {
      // Everyone has been told: the shutdown goes on to its end.
      await promise;
      for (const member of live) model.dismiss(member, CLOSE_CODE);
      model.isOver = true;
      return;
    }
    if ((await calledOff) !== "ERR_SLUICE_SHUTDOWN_CALLED_OFF")
      throw new Error(`the caller got ${await calledOff}`);
    for (const [index, shard] of model.shards.entries()) {
      // Before it has begun no shard has heard of it: the drained stay drained.
      if (this.isBegun) shard.isSuspended = false;
      if (!shard.isSuspended) await world.serving(index);
    }
    if (model.isListening) await world.listening(model);
    const told = await world.toldUntilNow(live);
    for (const member of told) model.dismiss(member, CLOSE_CODE);
  }

  toString(): string {
    return `a shutdown is called off${this.isBegun ? " when it has begun" : ""}`;
  }
}

/** Drained shards take connections again. */
export class Resume extends Settling {
  check(model: Readonly<LedgerModel>): boolean {
    return !model.isOver && model.shards.some(({ isSuspended }) => isSuspended);
  }

  protected async act(model: LedgerModel, world: World): Promise<void> {
    world.server.resume();
    for (const shard of model.shards) shard.isSuspended = false;
    await world.listening(model);
  }

  toString(): string {
    return "the drained shards are resumed";
  }
}
