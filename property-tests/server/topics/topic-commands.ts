import type { AsyncCommand } from "fast-check";
import { expect } from "vitest";
import type { SluiceServer } from "../../../src/index.ts";
import { Member } from "../../../test/real/topics/member.ts";
import { until } from "../../../test/support/within.ts";

/** Everyone subscribes to it; what is published to it marks the end of what came before. */
const FENCE = "fence";

/** Who should be there, and subscribe to what. */
export interface Model {
  readonly members: Map<number, { shard: number; topics: Set<string> }>;
  joined: number;
  published: number;
}

/** The clients that really are, by the number that the model has for them. */
export interface Real {
  readonly server: SluiceServer & { readonly port: number };
  readonly members: Map<number, Member>;
}

export type TopicCommand = AsyncCommand<Model, Real>;

/** The member whose turn it is, of those that there are. */
function pick(model: Model, turn: number): number {
  const numbers = [...model.members.keys()];
  return numbers[turn % numbers.length] as number;
}

function hasMembers({ members }: Model): boolean {
  return members.size > 0;
}

/** Everyone hears exactly what it should have, and then the fence. */
async function settle(
  model: Model,
  real: Real,
  text: string,
  receives: (number: number) => boolean,
): Promise<void> {
  for (const number of model.members.keys()) {
    const expected = receives(number) ? [text, FENCE] : [FENCE];
    const member = real.members.get(number) as Member;
    expect(await member.hearsAll(expected.length)).toEqual(expected);
  }
}

export class Join implements TopicCommand {
  check(): boolean {
    return true;
  }

  async run(model: Model, { server, members }: Real): Promise<void> {
    const number = model.joined++;
    const member = await Member.join(server.port, FENCE);
    const { shard } = (await member.order({ do: "topics" })) as {
      shard: number;
    };
    members.set(number, member);
    model.members.set(number, { shard, topics: new Set() });
  }

  toString(): string {
    return "someone joins";
  }
}

export class Subscribe implements TopicCommand {
  readonly #turn: number;
  readonly #topic: string;
  readonly check = hasMembers;

  constructor(turn: number, topic: string) {
    this.#turn = turn;
    this.#topic = topic;
  }

  async run(model: Model, real: Real): Promise<void> {
    const number = pick(model, this.#turn);
    const member = real.members.get(number) as Member;
    const order = { do: "subscribe", topic: this.#topic } as const;
    expect(await member.order(order)).toBe(true);
    model.members.get(number)?.topics.add(this.#topic);
  }

  toString(): string {
    return `member ${this.#turn} subscribes to ${this.#topic}`;
  }
}

export class Unsubscribe implements TopicCommand {
  readonly #turn: number;
  readonly #topic: string;
  readonly check = hasMembers;

  constructor(turn: number, topic: string) {
    this.#turn = turn;
    this.#topic = topic;
  }

  async run(model: Model, real: Real): Promise<void> {
    const number = pick(model, this.#turn);
    const member = real.members.get(number) as Member;
    const order = { do: "unsubscribe", topic: this.#topic } as const;
    const did = model.members.get(number)?.topics.delete(this.#topic);
    expect(await member.order(order)).toBe(did);
  }

  toString(): string {
    return `member ${this.#turn} unsubscribes from ${this.#topic}`;
  }
}

export class Publish implements TopicCommand {
  readonly #turn: number;
  readonly #topic: string;
  readonly #includeSelf: boolean;
  readonly check = hasMembers;

  constructor(turn: number, topic: string, includeSelf: boolean) {
    this.#turn = turn;
    this.#topic = topic;
    this.#includeSelf = includeSelf;
  }

  async run(model: Model, real: Real): Promise<void> {
    const publisher = pick(model, this.#turn);
    const member = real.members.get(publisher) as Member;
    const text = `message ${model.published++}`;
    const topic = this.#topic;
    const includeSelf = this.#includeSelf;
    const fence = { topic: FENCE, text: FENCE, includeSelf: true };
    expect(
      await member.order({ do: "publish", topic, text, includeSelf }),
    ).toBe("sent");
    await member.order({ do: "publish", ...fence });
    await settle(model, real, text, (number) => {
      const isSubscriber = model.members.get(number)?.topics.has(topic);
      return isSubscriber === true && (includeSelf || number !== publisher);
    });
  }

  toString(): string {
    return `member ${this.#turn} publishes to ${this.#topic}${this.#includeSelf ? ", itself included" : ""}`;
  }
}

export class PublishFromMain implements TopicCommand {
  readonly #topic: string;

  constructor(topic: string) {
    this.#topic = topic;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const text = `message ${model.published++}`;
    expect(real.server.publish(this.#topic, text)).toBe("sent");
    real.server.publish(FENCE, FENCE);
    await settle(
      model,
      real,
      text,
      (number) => model.members.get(number)?.topics.has(this.#topic) === true,
    );
  }

  toString(): string {
    return `main publishes to ${this.#topic}`;
  }
}

export class Close implements TopicCommand {
  readonly #turn: number;
  readonly check = hasMembers;

  constructor(turn: number) {
    this.#turn = turn;
  }

  async run(model: Model, real: Real): Promise<void> {
    const number = pick(model, this.#turn);
    const { client } = real.members.get(number) as Member;
    client.sendClose();
    await client.closed();
    real.members.delete(number);
    model.members.delete(number);
  }

  toString(): string {
    return `member ${this.#turn} closes`;
  }
}

export class KillShard implements TopicCommand {
  readonly #turn: number;
  readonly check = hasMembers;

  constructor(turn: number) {
    this.#turn = turn;
  }

  async run(model: Model, real: Real): Promise<void> {
    const number = pick(model, this.#turn);
    const shard = model.members.get(number)?.shard as number;
    const member = real.members.get(number) as Member;
    const restartsBefore = statsOf(real, shard).restarts;
    await member.order({ do: "crash" });
    for (const [other, { shard: itsShard }] of model.members)
      if (itsShard === shard) {
        await (real.members.get(other) as Member).client.ended;
        real.members.delete(other);
        model.members.delete(other);
      }
    await until("the shard serves again", () => {
      const { restarts, state } = statsOf(real, shard);
      return restarts > restartsBefore && state === "serving.accepting";
    });
  }

  toString(): string {
    return `the shard of member ${this.#turn} dies`;
  }
}

function statsOf(
  { server }: Real,
  shard: number,
): { restarts: number; state: string } {
  const found = server.stats().shards.find((stats) => stats.shard === shard);
  return found ?? { restarts: 0, state: "terminated" };
}
