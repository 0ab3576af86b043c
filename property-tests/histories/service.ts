import { setTimeout as after } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import {
  type Connection,
  defineHandlers,
  type Handlers,
} from "../../src/index.ts";

/** What a connection carries from thread to thread, and from process to process. */
interface Journey {
  /** Numbers that its handlers have heard. */
  heard: number;
}

/** What a version of the service does. */
export const behaviours = [
  "serves",
  "throws when it is loaded",
  "throws on every message",
  "dies while it takes over",
] as const;
export type Behaviour = (typeof behaviours)[number];

const NEWS = "news";
const SLOW_MS = 5;
/** Of the connections that come to a thread, the one that is its end. */
const FATAL_ARRIVAL = 2;

/**
 * The service that histories are played on, as a deployment has it on disk: a
 * number is answered with the number, how many there have been, and who answers.
 *
 * | message | does |
 * |---|---|
 * | `say N` | `heard N COUNT PID SHARD THREAD VERSION` |
 * | `tell TEXT` | publishes `news TEXT` to everyone |
 * | `crash` | ends the thread with an error |
 */
export function makeService(
  version: string,
  behaviour: Behaviour,
): Handlers<Journey> {
  if (behaviour === "throws when it is loaded")
    throw new Error("this version does not load, on purpose");
  const here = new Set<string>();
  let shard = -1;
  let arrivals = 0;
  return defineHandlers<Journey>({
    started({ index }) {
      shard = index;
    },

    opened(connection) {
      here.add(connection.id);
      connection.data = { heard: 0 };
      connection.subscribe(NEWS);
    },

    suspend(connection) {
      here.delete(connection.id);
      return connection.data;
    },

    resume(connection, state) {
      if (
        behaviour === "dies while it takes over" &&
        ++arrivals === FATAL_ARRIVAL
      )
        process.kill(process.pid, "SIGKILL");
      if (here.has(connection.id)) connection.send("fault: it is here twice");
      here.add(connection.id);
      connection.data = state as Journey;
    },

    closed(connection) {
      here.delete(connection.id);
    },

    message(connection, bytes) {
      if (behaviour === "throws on every message")
        throw new Error("this version answers nothing, on purpose");
      if (!here.has(connection.id)) connection.send("fault: it is not here");
      const [order = "", ...rest] = String(bytes).split(" ");
      const text = rest.join(" ");
      switch (order) {
        case "say":
          return answer(connection, `heard ${text}`, [
            ++connection.data.heard,
            process.pid,
            shard,
            threadId,
            version,
          ]);
        case "tell":
          connection.publish(NEWS, `news ${text}`);
          return undefined;
        case "crash":
          setTimeout(() => {
            throw new Error("crashed on purpose");
          });
          return undefined;
        default:
          connection.send(`fault: what is "${order}"?`);
          return undefined;
      }
    },
  });
}

function answer(
  connection: Connection<Journey>,
  reply: string,
  facts: readonly (string | number)[],
): Promise<void> | undefined {
  const text = [reply, ...facts].join(" ");
  if (connection.request.path !== "/slow") {
    connection.send(text);
    return undefined;
  }
  return after(SLOW_MS).then(() => {
    connection.send(text);
  });
}
