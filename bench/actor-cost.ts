/**
 * What an actor for each connection costs beside plain handlers, without a
 * socket: a life (opened, closed), a message, and what is kept for one that
 * waits. The table goes into docs/state-machines.md.
 *
 *     node --expose-gc bench/actor-cost.ts
 */
import { assign, setup } from "xstate";
import {
  type Connection,
  connectionActions,
  type ConnectionFact,
  defineHandlers,
  type Handlers,
  machineHandlers,
} from "../src/index.ts";

const LIVES = 4_000;
const MESSAGES = 10;
const ROUNDS = 5;

const end = { outcome: "clean", code: 1000, reason: "" } as const;
const data = Buffer.from("1");

/** A connection that does nothing, so that the handlers are what is measured. */
function makeConnection(): Connection {
  return {
    id: "c1",
    state: "open.healthy",
    data: undefined,
    send: () => "sent",
    close() {},
  } as unknown as Connection;
}

const counter = setup({
  types: {
    context: {} as { sum: number },
    events: {} as ConnectionFact | { type: "add"; amount: number },
  },
  actions: {
    ...connectionActions,
    add: assign({
      sum: ({ context, event }) =>
        event.type === "add" ? context.sum + event.amount : context.sum,
    }),
  },
}).createMachine({
  id: "counter",
  context: { sum: 0 },
  initial: "even",
  on: {
    opened: { actions: { type: "send", params: { data: "hello" } } },
  },
  states: {
    even: {
      on: {
        add: {
          target: "odd",
          actions: [
            "add",
            {
              type: "send",
              params: ({ context }) => ({ data: String(context.sum) }),
            },
          ],
        },
      },
    },
    odd: {
      on: {
        add: {
          target: "even",
          actions: [
            "add",
            {
              type: "send",
              params: ({ context }) => ({ data: String(context.sum) }),
            },
          ],
        },
      },
    },
  },
});

const subjects: Record<string, Handlers> = {
  "plain handlers": defineHandlers({
    opened(connection) {
      connection.data = { sum: 0, state: "even" };
      connection.send("hello");
    },
    message(connection, words) {
      const kept = connection.data as { sum: number; state: string };
      kept.sum += Number(words.toString());
      kept.state = kept.state === "even" ? "odd" : "even";
      connection.send(String(kept.sum));
    },
    closed() {},
  }),
  "a machine": machineHandlers(counter, {
    decode: (words) => ({ type: "add", amount: Number(words.toString()) }),
  }),
};

interface Cost {
  readonly life: number;
  readonly message: number;
  readonly bytes: number;
}

function measure(handlers: Handlers): Cost {
  const connections = Array.from({ length: LIVES }, makeConnection);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const lifeMs = timed(() => {
    for (const connection of connections) void handlers.opened?.(connection);
  });
  globalThis.gc?.();
  const bytes = (process.memoryUsage().heapUsed - before) / LIVES;
  const messageMs = timed(() => {
    for (let count = 0; count < MESSAGES; count++)
      for (const connection of connections)
        void handlers.message?.(connection, data, false);
  });
  const endMs = timed(() => {
    for (const connection of connections)
      void handlers.closed?.(connection, end);
  });
  return {
    life: ((lifeMs + endMs) * 1000) / LIVES,
    message: (messageMs * 1000) / LIVES / MESSAGES,
    bytes,
  };
}

function timed(run: () => void): number {
  // CPU time: what else the machine does is not counted.
  const from = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

for (const [name, handlers] of Object.entries(subjects)) {
  const costs = Array.from({ length: ROUNDS }, () => measure(handlers));
  const [life, message, bytes] = (["life", "message", "bytes"] as const).map(
    (what) => median(costs.map((cost) => cost[what])),
  ) as [number, number, number];
  console.log(
    `${name}: ${life.toFixed(1)} µs a life, ${message.toFixed(2)} µs a message, ${Math.round(bytes)} bytes`,
  );
}
