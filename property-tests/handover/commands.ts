import type { AsyncCommand } from "fast-check";
import { until, within } from "../../test/support/within.ts";
import { pick } from "../server/commands/command.ts";
import type { Member } from "../server/ledger-model.ts";
import type { World } from "../server/world.ts";
import { allServing, type Itinerary } from "./itinerary.ts";

export type TravelCommand = AsyncCommand<Itinerary, World>;

const MOST_CONNECTIONS = 12;
const RESTART = 1012;
/** Of an evacuation: half of it is for moving, the rest for those who cannot. */
const EVACUATION_MS = 600;

/** A command whose sentence may have a number in it, and after which the ledgers are equal. */
abstract class Step implements TravelCommand {
  readonly at: number;

  constructor(at: number) {
    this.at = at;
  }

  check(model: Readonly<Itinerary>): boolean {
    return model.readers.length > 0;
  }

  abstract toString(): string;
  protected abstract act(model: Itinerary, world: World): Promise<void>;

  async run(model: Itinerary, world: World): Promise<void> {
    await this.act(model, world);
    await world.settled(model);
    for (const traveller of model.travellers.values()) traveller.complain();
  }

  /** The reader that is meant. */
  protected reader(model: Readonly<Itinerary>): Member {
    return pick(model.readers, this.at);
  }
}

export class Open extends Step {
  override check(model: Readonly<Itinerary>): boolean {
    return model.live.length < MOST_CONNECTIONS;
  }

  protected async act(model: Itinerary, world: World): Promise<void> {
    await model.join(world, this.at % 3 === 0 ? "/slow" : "/");
  }

  toString(): string {
    return `a client opens ${this.at % 3 === 0 ? "/slow" : "/"}`;
  }
}

/** The answers come while other things happen. */
export class Say extends Step {
  protected act(model: Itinerary): Promise<void> {
    const traveller = model.travellerOf(this.reader(model));
    for (let count = 0; count < 5; count++) traveller.say();
    return Promise.resolve();
  }

  toString(): string {
    return `reader ${this.at} says five numbers`;
  }
}

export class Subscribe extends Step {
  readonly #topic: string;

  constructor(at: number, topic: string) {
    super(at);
    this.#topic = topic;
  }

  protected async act(model: Itinerary): Promise<void> {
    const traveller = model.travellerOf(this.reader(model));
    traveller.topics.add(this.#topic);
    const said = await traveller.ask(`subscribe ${this.#topic}`);
    const meant = `topics ${[...traveller.topics].toSorted().join()}`;
    if (said !== meant) throw new Error(`it has ${said}, meant are ${meant}`);
  }

  toString(): string {
    return `reader ${this.at} subscribes to ${this.#topic}`;
  }
}

export class Publish extends Step {
  readonly #topic: string;

  constructor(at: number, topic: string) {
    super(at);
    this.#topic = topic;
  }

  protected async act(model: Itinerary): Promise<void> {
    const publisher = this.reader(model);
    const text = `${this.#topic} ${++model.published}`;
    for (const member of model.readers) {
      if (member === publisher) continue;
      const traveller = model.travellerOf(member);
      traveller.passing++;
      if (traveller.topics.has(this.#topic)) traveller.expected.push(text);
    }
    const { client } = model.travellerOf(publisher);
    client.raw.send(`publish ${text}`);
    for (const member of model.readers)
      await model.travellerOf(member).informed();
  }

  toString(): string {
    return `reader ${this.at} publishes to ${this.#topic}`;
  }
}

/** The server has more for it than the kernel takes: it cannot move. */
export class StopReading extends Step {
  protected async act(model: Itinerary, { server }: World): Promise<void> {
    const member = this.reader(model);
    const traveller = model.travellerOf(member);
    await traveller.answered();
    const thread = await traveller.where();
    const before = congested(server);
    traveller.client.pause();
    traveller.client.raw.send("flood");
    const shard = await until("it is congested", () => {
      const now = congested(server);
      const found = [...now].find(
        ([at, count]) => count > (before.get(at) ?? 0),
      );
      return found === undefined ? undefined : { index: found[0] };
    });
    member.habit = "stuck";
    model.stuckAt.set(member, { shard: shard.index, thread });
  }

  toString(): string {
    return `reader ${this.at} stops reading`;
  }
}

function congested(server: World["server"]): Map<number, number> {
  return new Map(
    server
      .stats()
      .shards.map(({ shard, states }) => [
        shard,
        states["open.congested"] ?? 0,
      ]),
  );
}

export class KillShard extends Step {
  override check(model: Readonly<Itinerary>): boolean {
    // The back-off doubles with each death, and so does the test's time.
    return model.readers.length > 0 && model.kills < 1;
  }

  protected async act(model: Itinerary, world: World): Promise<void> {
    const threads = new Map<Member, string>();
    for (const member of model.live) {
      const { thread } = model.stuckAt.get(member) ?? {};
      const traveller = model.travellerOf(member);
      if (thread === undefined) await traveller.answered();
      threads.set(member, thread ?? (await traveller.where()));
    }
    const victim = this.reader(model);
    model.travellerOf(victim).client.raw.send("crash");
    model.kills++;
    for (const [member, thread] of threads)
      if (thread === threads.get(victim)) model.end(member, "crashed");
    await world.settled(model);
    await allServing(world);
  }

  toString(): string {
    return `the shard of reader ${this.at} dies`;
  }
}

/** What moves connections. */
export type Move = "evacuate" | "rebalance" | "reload";
/** What one client does meanwhile, or what happens to a thread. */
export type Meanwhile = "nothing" | "close" | "reset" | "crash";

/** Connections move while everyone talks. */
export class Travel extends Step {
  readonly #move: Move;
  readonly #meanwhile: Meanwhile;

  constructor(at: number, move: Move, meanwhile: Meanwhile) {
    super(at);
    this.#move = move;
    // A version whose thread dies in its trial goes back: another law.
    this.#meanwhile =
      move === "reload" && meanwhile === "crash" ? "nothing" : meanwhile;
  }

  override check(model: Readonly<Itinerary>): boolean {
    return (
      model.readers.length > 0 &&
      (this.#meanwhile !== "crash" || model.kills < 1)
    );
  }

  protected async act(model: Itinerary, world: World): Promise<void> {
    const { readers } = model;
    const travellers = readers.map((member) => model.travellerOf(member));
    for (const traveller of travellers) {
      traveller.say();
      traveller.begin();
    }
    let isOver = false;
    const moving = this.#begin(model, world).finally(() => {
      isOver = true;
    });
    const leaver = this.#happen(model);
    await Promise.all([
      within("the move", moving),
      until("it is over", () => {
        for (const traveller of travellers) {
          if (traveller === leaver) continue;
          if (traveller.isAnswered) traveller.begin();
          else traveller.finish();
        }
        return isOver;
      }),
    ]);
    if (this.#meanwhile === "crash") await this.#mourn(model, world);
    for (const member of model.readers) {
      const traveller = model.travellerOf(member);
      traveller.say();
      await traveller.answered();
    }
    await allServing(world);
  }

  /** @throws Error when it came to something else than it should. */
  async #begin(model: Itinerary, { server }: World): Promise<void> {
    const { shards } = server.stats();
    const shard = shards[this.at % shards.length]?.shard ?? 0;
    switch (this.#move) {
      case "rebalance": {
        await server.rebalance();
        return;
      }
      case "evacuate": {
        const staying = model.stuckOn(shard);
        for (const member of staying) model.dismiss(member, RESTART);
        const target = { shard, move: true, deadlineMs: EVACUATION_MS };
        const { notified: told } = await server.drain(target).done;
        this.#expectTold(told, staying.length);
        return;
      }
      case "reload": {
        const staying = model.stuckOn();
        for (const member of staying) model.dismiss(member, RESTART);
        model.probed();
        this.#expectTold((await server.reload()).notified, staying.length);
      }
    }
  }

  #expectTold(told: number, meant: number): void {
    // One that goes by itself may be counted, or be gone by then.
    if (this.#meanwhile === "nothing" && told !== meant)
      throw new Error(`${told} were told to come back, ${meant} were meant`);
  }

  /** @returns who does not talk on */
  #happen(model: Itinerary): unknown {
    if (this.#meanwhile === "nothing") return undefined;
    const member = this.reader(model);
    const traveller = model.travellerOf(member);
    const { raw } = traveller.client;
    traveller.finish();
    switch (this.#meanwhile) {
      case "close":
        raw.sendClose(4000);
        model.end(member, "clean", 4000);
        return traveller;
      case "reset":
        raw.reset();
        model.end(member, "lost");
        return traveller;
      case "crash":
      default:
        model.kills++;
        raw.send("crash");
        return undefined;
    }
  }

  /** Whoever the thread took along has seen the end of TCP, and nothing else has. */
  async #mourn(model: Itinerary, world: World): Promise<void> {
    await until("the death is counted", () =>
      world.server.stats().shards.some(({ restarts }) => restarts > 0),
    );
    await allServing(world);
    for (const member of model.live) {
      if (member.habit === "stuck") continue;
      const traveller = model.travellerOf(member);
      traveller.say();
      await until(
        "it is answered or gone",
        () => traveller.isAnswered || traveller.isGone,
      );
      if (traveller.isGone) model.end(member, "crashed");
    }
  }

  toString(): string {
    const meanwhile =
      this.#meanwhile === "nothing" ? "" : `, meanwhile: ${this.#meanwhile}`;
    return `${this.#move} ${this.at}${meanwhile}`;
  }
}
