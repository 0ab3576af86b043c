/** One bidder in an auction, as a state machine. It knows no server: it is drawn, explored and tested as it is. */
import { connectionActions, type ConnectionFact } from "sluice";
import { assign, fromPromise, setup } from "xstate";
import { type Bid, placeBid, type Verdict } from "./house.ts";

/** What a bidder says. */
export type Said =
  | { readonly type: "bid"; readonly amount: number }
  | { readonly type: "leave" };

interface Bidder {
  readonly lot: string;
  /** Of this bidder; the last one is being asked for. */
  readonly bids: readonly number[];
}

interface CloseStatus {
  readonly code: number;
  readonly reason: string;
}

const say = (words: object): { data: string } => ({
  data: JSON.stringify(words),
});

export const auctionMachine = setup({
  types: {
    context: {} as Bidder,
    events: {} as ConnectionFact | Said,
    input: {} as { readonly lot: string },
    output: {} as CloseStatus,
    tags: {} as "busy",
  },
  actors: {
    placeBid: fromPromise<Verdict, Bid>(({ input }) => placeBid(input)),
  },
  delays: { silence: 60_000, patience: 30_000 },
  actions: {
    ...connectionActions,
    note: assign({
      bids: ({ context, event }) =>
        event.type === "bid" ? [...context.bids, event.amount] : context.bids,
    }),
  },
}).createMachine({
  id: "auction",
  context: ({ input: { lot } }) => ({ lot, bids: [] }),
  initial: "watching",
  on: {
    opened: {
      actions: [
        {
          type: "subscribe",
          params: ({ context }) => ({ topic: context.lot }),
        },
        { type: "send", params: ({ context }) => say({ lot: context.lot }) },
      ],
    },
    // In a shutdown this is the last word; a verdict that is awaited comes first.
    draining: { actions: { type: "send", params: say({ goodbye: true }) } },
    leave: ".left",
  },
  states: {
    watching: {
      description: "may bid at any moment",
      after: {
        silence: {
          target: "asked",
          actions: { type: "send", params: say({ still: "there?" }) },
        },
      },
      on: { bid: { target: "bidding", actions: "note" } },
    },
    bidding: {
      description: "the house looks whether it is the best bid",
      tags: "busy",
      invoke: {
        src: "placeBid",
        input: ({ context: { lot, bids } }) => ({
          lot,
          amount: bids.at(-1) ?? 0,
        }),
        onDone: {
          target: "watching",
          actions: [
            {
              type: "send",
              params: ({ event: { output } }) => say({ verdict: output }),
            },
            {
              type: "publish",
              params: ({ context, event: { output } }) => ({
                topic: context.lot,
                ...say({ best: output.best }),
              }),
            },
          ],
        },
      },
      on: {
        bid: {
          actions: { type: "send", params: say({ refused: "one at a time" }) },
        },
        // The bid that was made stands: nobody leaves before it is answered.
        leave: {
          actions: { type: "send", params: say({ refused: "one at a time" }) },
        },
      },
    },
    asked: {
      description: "has been silent for long",
      after: { patience: "absent" },
      on: { bid: { target: "bidding", actions: "note" } },
    },
    left: { type: "final", output: { code: 1000, reason: "" } },
    absent: {
      type: "final",
      output: { code: 4000, reason: "nobody is there" },
    },
  },
  // Of the final state that was reached: with these the connection is closed.
  output: ({ event }) => event.output as CloseStatus,
});
