import { setTimeout as after } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import { type Connection, defineHandlers } from "../../src/index.ts";

/** What a connection carries from thread to thread. */
interface Journey {
  /** Numbers that its handlers have heard. */
  heard: number;
}

/** Who lives in this thread, by its own book: what `opened`, `suspend`, `resume` and `closed` say. */
const here = new Set<string>();

const SLOW_MS = 10;
/** Everyone hears it behind every publication: nobody who subscribes later hears what came before. */
const FENCE = "fence";
const FLOOD = { count: 256, bytes: 64 * 1024 };

/**
 * Handlers that notice when a connection is in two threads, in none, or without
 * what it had. A number is answered with `heard`, the number, and how many there
 * have been.
 */
export default defineHandlers<Journey>({
  opened(connection) {
    here.add(connection.id);
    connection.data = { heard: 0 };
    connection.subscribe(FENCE);
  },

  suspend(connection) {
    here.delete(connection.id);
    return connection.data;
  },

  resume(connection, state) {
    if (here.has(connection.id)) connection.send("fault: it is here twice");
    here.add(connection.id);
    connection.data = state as Journey;
  },

  closed(connection) {
    here.delete(connection.id);
  },

  async message(connection, bytes) {
    const [order = "", topic = "", text = ""] = String(bytes).split(" ");
    if (!here.has(connection.id)) connection.send("fault: it is not here");
    switch (order) {
      case "subscribe":
        connection.subscribe(topic);
        connection.send(`topics ${topicsOf(connection)}`);
        return;
      case "publish":
        connection.publish(topic, `news ${topic} ${text}`);
        connection.publish(FENCE, FENCE);
        return;
      case "where":
        connection.send(`where ${threadId}`);
        return;
      case "flood":
        for (let i = 0; i < FLOOD.count; i++)
          connection.send("x".repeat(FLOOD.bytes));
        return;
      case "crash":
        setTimeout(() => {
          throw new Error("crashed on purpose");
        });
        return;
      default: {
        const { data } = connection;
        data.heard++;
        const reply = `heard ${order} ${data.heard}`;
        if (connection.request.path === "/slow") await after(SLOW_MS);
        connection.send(reply);
      }
    }
  },
});

function topicsOf({ topics }: Connection<Journey>): string {
  const chosen = [...topics].filter((topic) => topic !== FENCE);
  return chosen.toSorted().join();
}
