import * as fc from "fast-check";
import { describe, expect } from "vitest";
import { TOPIC_SERVICE } from "../../../test/real/topics/member.ts";
import { startServer } from "../../../test/support/server.ts";
import { law, replay } from "../../support/laws.ts";
import { lookAround, nothingLeft } from "../../support/remains.ts";
import {
  Close,
  Join,
  KillShard,
  type Model,
  Publish,
  PublishFromMain,
  type Real,
  Subscribe,
  type TopicCommand,
  Unsubscribe,
} from "./topic-commands.ts";

const topic = fc.constantFrom("a", "b", "c");
const turn = fc.nat({ max: 9 });

const commands = fc.commands(
  [
    fc.constant(new Join()),
    fc.constant(new Join()),
    fc.tuple(turn, topic).map((given) => new Subscribe(...given)),
    fc.tuple(turn, topic).map((given) => new Subscribe(...given)),
    fc.tuple(turn, topic).map((given) => new Unsubscribe(...given)),
    fc.tuple(turn, topic, fc.boolean()).map((given) => new Publish(...given)),
    fc.tuple(turn, topic, fc.boolean()).map((given) => new Publish(...given)),
    topic.map((given) => new PublishFromMain(given)),
    turn.map((given) => new Close(given)),
    turn.map((given) => new KillShard(given)),
  ],
  { maxCommands: 60, size: "max", ...replay() },
);

/** Plays a sequence on a new server and a new model. */
async function play(sequence: Iterable<TopicCommand>): Promise<void> {
  const before = lookAround();
  const server = await startServer({
    workers: 3,
    balance: "round-robin",
    handlers: TOPIC_SERVICE,
  });
  const real: Real = { server, members: new Map() };
  try {
    const model: Model = { members: new Map(), joined: 0, published: 0 };
    await fc.asyncModelRun(() => ({ model, real }), sequence);
  } finally {
    server.force();
    const { opened, outcomes } = await server.terminated;
    const all = Object.values(outcomes).reduce((sum, count) => sum + count);
    expect(all - outcomes.rejected).toBe(opened);
  }
  await nothingLeft(before);
}

describe("topics", () => {
  law(
    "every subscriber gets what is published to its topics, once and in order, and nobody else, whoever comes, goes or dies",
    fc.asyncProperty(commands, play),
    { runs: 10, timeLimitMs: 15_000 },
  );
});
