import { existsSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { defineHandlers, type HandlerShard } from "../../../src/index.ts";

let shard: HandlerShard;

/**
 * Tells everyone who subscribes to `gone` of every end, by shard and path of
 * who has ended. What a client says is published too, but for three words.
 */
export default defineHandlers({
  started(itsShard) {
    shard = itsShard;
  },

  opened(connection) {
    if (connection.request.path === "/witness") connection.subscribe("gone");
  },

  resume() {},

  message(connection, data) {
    const [word = "", file = ""] = data.toString().split(" ");
    if (word === "where") connection.send(`shard ${shard.index}`);
    else if (word === "block") blockUntil(file);
    else if (word === "crash") {
      shard.publish("gone", "the last words");
      // Behind the turn in which they were said.
      setImmediate(() => {
        throw new Error("crashed on purpose");
      });
    } else shard.publish("gone", word);
  },

  /** Some at once, some in a later turn, so that the thread's last turn has publications too. */
  async closed({ request: { path } }) {
    if (path === "/witness") return;
    const late = Number(path.at(-1)) % 3;
    for (let turns = 0; turns < late; turns++) await turn();
    shard.publish("gone", `${shard.index}${path}`);
  },
});

/** The thread does nothing else until the file is there. */
function blockUntil(file: string): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(file)) Atomics.wait(nothing, 0, 0, 5);
}
