import { setTimeout as after } from "node:timers/promises";
import type { NatsServer } from "../test/real/cluster/nats-server.ts";
import type {
  Answer,
  Generations,
} from "../property-tests/histories/generations.ts";
import { RawClient } from "../test/support/raw-client.ts";
import { until } from "../test/support/within.ts";
import type { Dice } from "./dice.ts";

/** What is done to the server, and how often it was. */
export type Deeds = Record<string, number>;

const DRAIN_MS = 400;
const NATS_AWAY_MS = 2_000;
const FLOODED_MS = 1_500;
const PATIENCE_MS = 30_000;

/** Where it happens. */
export interface Theatre {
  readonly generations: Generations;
  readonly nats: NatsServer;
  readonly dice: Dice;
  /** More than the server has descriptors for. */
  readonly flood: number;
  /** A process lives at least so long, so that it can be told whether it grows. */
  readonly leastLifeMs: number;
}

type Deed = (theatre: Theatre) => Promise<void>;

/** @throws Error when the server refuses. */
async function act(
  { generations }: Theatre,
  path: string,
  body: object = {},
): Promise<Answer> {
  const answer = await generations.ask("POST", path, body);
  if (answer.status >= 300)
    throw new Error(`${path} was answered with ${answer.status}`);
  return answer;
}

async function drained(theatre: Theatre, body: object): Promise<void> {
  const { id } = await startDrain(theatre, body);
  await until(
    "the drain is done",
    async () => {
      const path = `/api/drains/${id}`;
      const answer = await theatre.generations.ask("GET", path);
      return (JSON.parse(answer.body) as { report?: unknown }).report;
    },
    PATIENCE_MS,
  );
}

async function startDrain(
  theatre: Theatre,
  body: object,
): Promise<{ id: number }> {
  const filter = { deadlineMs: DRAIN_MS, ...body };
  const { body: answer } = await act(theatre, "/api/drain", filter);
  return JSON.parse(answer) as { id: number };
}

async function anyShard({ generations, dice }: Theatre): Promise<number> {
  const { shards } = await generations.standing();
  return dice.pick(shards).shard;
}

/** Opens a connection that does something to its thread. */
async function doTo({ generations }: Theatre, path: string): Promise<void> {
  const client = await RawClient.open(generations.port, path, undefined, {
    isCleanedUp: false,
  });
  client.send("go");
  await client.ended;
}

/** The deed after which the server has to have refused somebody. */
export const FLOOD = "no descriptor is left";

const deeds: Record<string, Deed> = {
  "a shard crashes": (theatre) => doTo(theatre, "/crash"),
  "a shard is blocked, and restarted": async (theatre) => {
    const gone = doTo(theatre, "/block");
    const blocked = await until("a shard is blocked", async () => {
      const { shards } = await theatre.generations.standing();
      return shards.find(({ isBlocked }) => isBlocked);
    }).catch(() => undefined);
    if (blocked !== undefined)
      await act(theatre, `/api/shards/${blocked.shard}/restart`);
    await gone;
  },
  "a shard is drained and resumed": async (theatre) => {
    const shard = await anyShard(theatre);
    await drained(theatre, { shard });
    await act(theatre, `/api/shards/${shard}/resume`);
  },
  "a shard is emptied, and its connections move": async (theatre) => {
    await drained(theatre, { shard: await anyShard(theatre), move: true });
  },
  "a path is drained": (theatre) => drained(theatre, { pathPrefix: "/slow" }),
  "the old are drained": (theatre) => drained(theatre, { olderThanMs: 500 }),
  "a drain of all is called off": async (theatre) => {
    const { id } = await startDrain(theatre, {});
    await after(theatre.dice.between(0, 60));
    await act(theatre, `/api/drains/${id}/call-off`);
    await act(theatre, "/api/resume");
  },
  "a shutdown is called off": async (theatre) => {
    await act(theatre, "/api/shutdown");
    await after(theatre.dice.between(0, 40));
    await act(theatre, "/api/shutdown/call-off").catch(async () => {
      // Too late: a service manager starts another.
      await theatre.generations.startAgain();
      throw new Error("the shutdown went on");
    });
  },
  "a shard is restarted": async (theatre) => {
    await act(theatre, `/api/shards/${await anyShard(theatre)}/restart`);
  },
  "the shards are evened out": async (theatre) => {
    await act(theatre, "/api/rebalance");
  },
  "the handlers are reloaded": async (theatre) => {
    await act(theatre, "/api/reload");
  },
  "NATS is restarted": async ({ nats, dice }) => {
    await nats.kill();
    await after(dice.between(0, NATS_AWAY_MS));
    await nats.restart();
  },
  [FLOOD]: async ({ generations, flood }) => {
    const clients: RawClient[] = [];
    try {
      // The kernel lets in whom the process cannot accept.
      while (clients.length < flood)
        clients.push(
          await RawClient.connect(generations.port, { isCleanedUp: false }),
        );
      await after(FLOODED_MS);
    } finally {
      for (const client of clients) client.reset();
      await Promise.all(clients.map(({ ended }) => ended));
    }
  },
};

const UPGRADE = "a new process takes over";

/** Its admin listener is where the one before had it, once that one has ended. */
async function upgrade(theatre: Theatre): Promise<void> {
  const { generations } = theatre;
  const { current } = generations;
  const { body } = await act(theatre, "/api/upgrade");
  generations.current = (JSON.parse(body) as { pid: number }).pid;
  generations.count++;
  await until(
    "the process before has ended",
    () => generations.endOf(current),
    PATIENCE_MS,
  );
}

/** Does one thing after the other to a server, until the signal. */
export async function operate(
  theatre: Theatre,
  signal: AbortSignal,
): Promise<Deeds> {
  const { dice } = theatre;
  const done: Deeds = {};
  let takenOverAt = performance.now();
  while (!signal.aborted) {
    await after(dice.between(300, 2_500));
    if (signal.aborted) break;
    const isOld = performance.now() - takenOverAt > theatre.leastLifeMs;
    const [name, deed]: [string, Deed] = isOld
      ? [UPGRADE, upgrade]
      : dice.pick(Object.entries(deeds));
    const startedAs = theatre.generations.current;
    // One that meets a shard which is being replaced cannot be done; the next can.
    const isDone = await deed(theatre).then(
      () => true,
      () => false,
    );
    if (startedAs !== theatre.generations.current)
      takenOverAt = performance.now();
    const counted = isDone ? name : `${name}: not possible at that moment`;
    done[counted] = (done[counted] ?? 0) + 1;
  }
  return done;
}
