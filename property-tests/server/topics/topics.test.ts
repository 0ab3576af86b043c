import * as fc from "fast-check";
import { expect, it } from "vitest";
import { TOPIC_SERVICE } from "../../../test/integration/topics/member.ts";
import { startServer } from "../../../test/support/server.ts";
import {
  Close,
  Join,
  KillShard,
  type Model,
  Publish,
  PublishFromMain,
  type Real,
  Subscribe,
  Unsubscribe,
} from "./topic-commands.ts";

const topic = fc.constantFrom("a", "b", "c");
const turn = fc.nat({ max: 9 });

it("every subscriber gets what is published to its topics, once and in order, and nobody else, whoever comes, goes or dies", async () => {
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
    { maxCommands: 60, size: "max" },
  );
  await fc.assert(
    fc.asyncProperty(commands, async (given) => {
      const server = await startServer({
        workers: 3,
        balance: "round-robin",
        handlers: TOPIC_SERVICE,
      });
      try {
        await fc.asyncModelRun(() => {
          const model: Model = { members: new Map(), joined: 0, published: 0 };
          const real: Real = { server, members: new Map() };
          return { model, real };
        }, given);
      } finally {
        server.force();
        const { opened, outcomes } = await server.terminated;
        const all = Object.values(outcomes).reduce((sum, count) => sum + count);
        expect(all - outcomes.rejected).toBe(opened);
      }
    }),
    { numRuns: 10, endOnFailure: true },
  );
}, 180_000);
