import { setTimeout as after } from "node:timers/promises";
import type { SluiceServer } from "../src/index.ts";
import { RawClient } from "../test/support/raw-client.ts";
import type { Dice } from "./dice.ts";

/** What is done to the server, and how often it was. */
export type Deeds = Record<string, number>;

const DRAIN_MS = 400;

type Deed = (server: SluiceServer, dice: Dice) => Promise<void>;

/** Opens a connection that does something to its thread. */
async function doTo(server: SluiceServer, path: string): Promise<void> {
  const client = await RawClient.open(server.address.port, path, undefined, {
    isCleanedUp: false,
  });
  client.send("go");
  void client.ended.then(() => client.destroy());
  await client.ended;
}

const deeds: Record<string, Deed> = {
  "a shard crashes": async (server) => await doTo(server, "/crash"),
  "a shard is blocked, and restarted": async (server) => {
    const gone = doTo(server, "/block");
    const blocked = await findBlocked(server);
    if (blocked !== undefined)
      await server.restartShard(blocked).catch(() => {});
    await gone;
  },
  "a shard is drained and resumed": async (server, dice) => {
    const shard = dice.between(0, server.stats().shards.length - 1);
    await server.drain({ shard, deadlineMs: DRAIN_MS }).done;
    server.resume(shard);
  },
  "a path is drained": async (server) => {
    await server.drain({ pathPrefix: "/slow", deadlineMs: DRAIN_MS }).done;
  },
  "the old are drained": async (server) => {
    await server.drain({ olderThanMs: 500, deadlineMs: DRAIN_MS }).done;
  },
  "a drain of all is called off": async (server, dice) => {
    const drain = server.drain({ deadlineMs: DRAIN_MS });
    await after(dice.between(0, 60));
    drain.callOff();
    await drain.done;
    server.resume();
  },
  "a shutdown is called off": async (server, dice) => {
    const ended = server.shutdown().catch(() => {});
    await after(dice.between(0, 40));
    if (!server.callOff()) throw new Error("too late to call off");
    await ended;
  },
  "a shard is restarted": async (server, dice) => {
    const shard = dice.between(0, server.stats().shards.length - 1);
    await server.restartShard(shard);
  },
};

async function findBlocked(server: SluiceServer): Promise<number | undefined> {
  for (let look = 0; look < 100; look++) {
    const found = server.stats().shards.find(({ isBlocked }) => isBlocked);
    if (found !== undefined) return found.shard;
    await after(50);
  }
  return undefined;
}

/** Does one thing after the other to a server, until the signal. */
export async function operate(
  server: SluiceServer,
  dice: Dice,
  signal: AbortSignal,
): Promise<Deeds> {
  const done: Deeds = {};
  while (!signal.aborted) {
    await after(dice.between(300, 2_500));
    if (signal.aborted) break;
    const [name, deed] = dice.pick(Object.entries(deeds));
    const count = async (): Promise<void> => {
      await deed(server, dice);
      done[name] = (done[name] ?? 0) + 1;
    };
    // One that meets a shard which is being replaced cannot be done; the next can.
    await count().catch(() => {
      done["not possible at that moment"] =
        (done["not possible at that moment"] ?? 0) + 1;
    });
  }
  return done;
}
