/* oxlint-disable vitest/expect-expect -- laws are held by fc.assert */
import * as fc from "fast-check";
import { lives } from "sluice/testing/fast-check";
import { simulate } from "sluice/testing";
import { walkMachine } from "sluice/testing/machines";
import { beforeEach, describe, expect, it } from "vitest";
import handlersOfModule from "./handlers.ts";
import { forgetBids } from "./house.ts";
import { auctionMachine, type Said } from "./machine.ts";

const handlers = new URL("handlers.ts", import.meta.url);
const bid = (amount: number): string =>
  JSON.stringify({ type: "bid", amount } satisfies Said);

const bidIn = (text: string): number =>
  (JSON.parse(text) as { amount?: number }).amount ?? 0;
const bestIn = (text: string): number =>
  (JSON.parse(text) as { best?: number }).best ?? 0;

beforeEach(forgetBids);

describe("an auction", () => {
  it("answers a bid, and tells the others", () =>
    simulate({ handlers, shards: 2 }, async ({ open }) => {
      const ann = await open("/lot/1");
      const bob = await open("/lot/1");
      ann.send(bid(5));
      await ann.next();
      await bob.next();
      expect(await ann.next()).toBe('{"verdict":{"accepted":true,"best":5}}');
      expect(await bob.next()).toBe('{"best":5}');
    }).then(({ report }) => expect(report.outcomes.clean).toBe(2)));

  it("answers the bid that it owes before it goes", () =>
    simulate({ handlers }, async ({ open, server, time }) => {
      const ann = await open("/lot/1");
      ann.send(bid(5));
      await time.advance(10);
      const ending = server.shutdown();
      expect(await ann.closed()).toMatchObject({ code: 1001 });
      expect(ann.texts).toContain('{"verdict":{"accepted":true,"best":5}}');
      await ending;
    }).then(({ report }) => expect(report.outcomes.clean).toBe(1)));

  it("waits for who is silent, on whatever shard, and not for ever", () =>
    simulate({ handlers, shards: 2 }, async ({ open, server, time }) => {
      const ann = await open("/lot/1");
      await time.advance(50_000);
      await server.drain({ shard: 0, move: true }).done;
      await server.drain({ shard: 1, move: true }).done;
      await ann.next();
      expect(await ann.next()).toBe('{"still":"there?"}');
      expect(time.now).toBeLessThan(62_000);
      expect(await ann.closed()).toEqual({
        code: 4000,
        reason: "nobody is there",
      });
    }).then(({ report }) => expect(report.outcomes.clean).toBe(1)));

  it("is in each of its states where its machine would be, although it moves at every step", async () => {
    const { states } = await walkMachine({
      machine: auctionMachine,
      handlers: () => handlersOfModule,
      input: { lot: "/lot/1" },
      path: "/lot/1",
      events: [{ type: "bid", amount: 5 }, { type: "leave" }],
      encode: (event) => JSON.stringify(event),
    });
    expect(states.toSorted()).toEqual(["bidding", "left", "watching"]);
  });

  it("keeps its laws, whoever comes, goes, moves or dies", () =>
    fc.assert(
      lives({
        handlers,
        shards: 2,
        paths: fc.constant("/lot/1"),
        messages: fc.oneof(
          fc.nat(99).map(bid),
          fc.constant('{"type":"leave"}'),
        ),
        faults: [
          "slow",
          "reset",
          "hold",
          "move",
          "reload",
          "drain",
          "shutdown",
        ],
        maxSteps: 25,
        model: () => {
          forgetBids();
          return { best: 0 };
        },
        accepted: (model, { text }) => {
          model.best = Math.max(model.best, bidIn(text));
        },
        laws: {
          "nobody is told of more than was bid": ({ clients, model }) =>
            clients.every(({ texts }) =>
              texts.every((text) => bestIn(text) <= model.best),
            ),
        },
      }),
      { numRuns: 40 },
    ));
});
