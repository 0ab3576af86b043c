import { setTimeout as after } from "node:timers/promises";
import {
  type Connection,
  defineHandlers,
  type HandlerShard,
} from "../../src/handlers.ts";

/** What the service keeps for each connection. */
interface Kept {
  heard: number;
}

/**
 * A service that uses everything there is, made anew for each shard. A message
 * is an order: `sub a`, `unsub a`, `pub a`, `pub-both`, `slow 250`, `flood`, `burst`, `leave`; any
 * other is answered with how many have been.
 */
export function createService() {
  let shard: HandlerShard;
  let published = 0;
  const publication = (topic: string, by: string): string =>
    `news ${topic} ${by} ${++published} ${Math.random()}`;
  return defineHandlers<Kept>({
    started(here) {
      shard = here;
    },
    opened(connection) {
      connection.data = { heard: 0 };
    },
    suspend(connection) {
      connection.send("suspending");
      return connection.data;
    },
    resume(connection, state) {
      connection.data = state as Kept;
    },
    draining(connection) {
      connection.send("last word");
    },
    closed(connection) {
      shard.publish("a", publication("a", `${connection.id} is gone`));
    },
    async message(connection, data) {
      const [order, what = ""] = data.toString().split(" ");
      switch (order) {
        case "sub":
          connection.subscribe(what);
          return;
        case "sub-drop":
          connection.subscribe(what, { whenCongested: "drop" });
          return;
        case "unsub":
          connection.unsubscribe(what);
          return;
        case "pub":
          connection.publish(what, publication(what, connection.id));
          return;
        case "pub-both":
          for (const topic of ["a", "b", "a"])
            connection.publish(topic, publication(topic, connection.id));
          return;
        case "slow":
          await after(Number(what));
          connection.send(`slow ${what}`);
          return;
        case "flood":
          return flood(connection);
        case "burst":
          return burst(connection);
        case "leave":
          connection.close(4001, "as you wish");
          return;
        case undefined:
        default:
          connection.data.heard++;
          connection.send(`heard ${order} ${connection.data.heard}`);
      }
    },
  });
}

const FLOOD_MESSAGES = 20;

/** More than a client that does not read can be sent. */
async function flood(connection: Connection<Kept>): Promise<void> {
  for (let count = 0; count < FLOOD_MESSAGES; count++)
    if (connection.send(`flood ${count} ${"x".repeat(4_000)}`) === "congested")
      await connection.drained();
}

/** The same, by a handler that does not wait: whoever does not read it all in time is closed. */
function burst(connection: Connection<Kept>): void {
  for (let count = 0; count < FLOOD_MESSAGES; count++)
    connection.send(`burst ${count} ${"x".repeat(4_000)}`);
}

/** Orders that clients give. */
export const orders = [
  "hello",
  "hello",
  "sub a",
  "sub b",
  "sub-drop b",
  "unsub a",
  "pub a",
  "pub b",
  "pub-both",
  "slow 30",
  "slow 250",
  "flood",
  "burst",
  "leave",
] as const;
