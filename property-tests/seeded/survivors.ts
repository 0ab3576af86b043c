import type { Defect } from "./defect.ts";

const lives = ["property-tests/simulation/lives.test.ts"];
const stories = ["property-tests/simulation/stories.test.ts"];
const fanOut = ["test/unit/workers/topics/fan-out.test.ts"];
const interplay = ["test/real/interplay"];

/** Mistakes that once survived every test there was, all of them at the same time. */
export const survivors: readonly Defect[] = [
  {
    rule: "who waits for room hears of it also when the connection ends",
    file: "src/workers/connection/machine-actions.ts",
    original: "    connection.inbox.drop();\n    connection.relieve();\n",
    defective: "    connection.inbox.drop();\n",
    suites: lives,
    runs: 300,
  },
  {
    rule: "a peer is silent, however much is written to it",
    file: "src/workers/connection/connection.ts",
    original: "    shard.counters.countMessageOut(payload.length);\n",
    defective:
      "    shard.counters.countMessageOut(payload.length);\n    this.isSilent = false;\n",
    suites: stories,
  },
  {
    rule: "the rate allowance goes along",
    file: "src/workers/handover/connection-snapshot.ts",
    original: "    allowance: connection.rateLimiter?.allowance,\n",
    defective: "    allowance: undefined,\n",
    suites: stories,
  },
  {
    rule: "no connection moves before everything it was sent is with the kernel",
    file: "src/workers/handover/move.ts",
    original:
      '    if (connection.bufferedBytes > 0 || transport.unsentBytes > 0)\n      return "unflushed";\n',
    defective: "",
    suites: stories,
  },
  {
    rule: "who subscribes to one topic reads nothing of another",
    file: "src/workers/topics/frame-runs.ts",
    original: "entry[0] === topic && entry[1] === end)",
    defective: "entry[0] === topic)",
    suites: lives,
    runs: 300,
  },
  {
    rule: "a connection that has ended subscribes to nothing",
    file: "src/workers/topics/shard-topics.ts",
    original:
      '      this.#subscriptions.delete(topic, connection);\n      this.#announce("left", topic, connection);\n    }\n',
    defective: '      this.#announce("left", topic, connection);\n    }\n',
    suites: stories,
  },
  {
    rule: "a shutdown that is called off leaves no deadline behind",
    file: "src/workers/run-shard.ts",
    original:
      '    if (id === "shutdown") this.#clock.clearTimeout(this.#deadline);\n',
    defective: "",
    suites: stories,
  },
  {
    rule: "several messages to a topic count as several",
    file: "src/workers/topics/fan-out.ts",
    original: 'counters.add("messagesOut", delivered * frames.length);',
    defective: 'counters.add("messagesOut", delivered);',
    suites: fanOut,
  },
  {
    rule: "several messages that are dropped count as several",
    file: "src/workers/topics/fan-out.ts",
    original: "this.#drop(subscriber, name, frames.length);",
    defective: "this.#drop(subscriber, name, 1);",
    suites: fanOut,
  },
  {
    rule: "who owed a pong when it moved is asked for it again",
    file: "src/workers/handover/mover.ts",
    original: '    if (snapshot.isProbing) connection.tell("heartbeat.due");\n',
    defective: "",
    suites: stories,
  },
  {
    rule: "what a dead shard has not taken keeps nothing from the next one",
    file: "src/main/handover/relay.ts",
    original: "    this.#untaken.delete(shard);\n",
    defective: "",
    suites: stories,
  },
  {
    rule: "a shard that is given up is not started again",
    file: "src/main/shards/shard.ts",
    original:
      "  giveUp(): void {\n    this.#clock.clearTimeout(this.#restart);\n",
    defective: "  giveUp(): void {\n",
    suites: interplay,
    law: "is not started any more once the server has ended",
  },
  {
    rule: "a shard that waits to be replaced is not replaced in a shutdown",
    file: "src/main/shards/shard.ts",
    original:
      "    // One that waits to be replaced has nothing to close.\n    this.#clock.clearTimeout(this.#restart);\n",
    defective: "",
    suites: lives,
  },
  {
    rule: "what was accepted before the broadcast arrives before it",
    file: "src/main/shards/shard.ts",
    original: "          this.#handoff?.flush();\n          thread.post({\n",
    defective: "          thread.post({\n",
    suites: ["test/unit/main/shards/shard.test.ts"],
  },
];
