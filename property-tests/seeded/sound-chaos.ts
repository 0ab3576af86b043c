import type { Defect } from "./defect.ts";

const moving = ["test/real/handover/moving.test.ts"];

/** Mistakes in what a server does while something else happens to it. */
export const chaosDefects: readonly Defect[] = [
  {
    rule: "as many go first as a version can be judged by",
    file: "src/main/handover/first-to-go.ts",
    original: "while (sum() < LEAST_FIRST) {",
    defective: "while (false) {",
    suites: moving,
    law: "all are on one shard, and few",
  },
  {
    rule: "who found nowhere to go is asked again",
    file: "src/main/handover/emptying.ts",
    original: "while (await this.#hasMore(rounds.at(-1)?.[0] as MoveReport));",
    defective: "while (false);",
    suites: moving,
    law: "where the only other shard is drained",
  },
  {
    rule: "what main cannot read does not travel",
    file: "src/workers/handover/mover.ts",
    original: "if (!canTravel(snapshot.state)) return",
    defective: "if (false && !canTravel(snapshot.state)) return",
    suites: moving,
    law: "nested too deeply",
  },
  {
    rule: "a process leaves when those whom it has sent have landed",
    file: "src/main/handover/process-upgrade.ts",
    original: "    await this.#haveLanded();\n",
    defective: "    void this.#haveLanded();\n",
    suites: ["test/real/handover/killed-upgrade.test.ts"],
    law: "by the last that comes to it",
  },
  {
    rule: "who is left alone by the process before is the server",
    file: "src/main/handover/predecessor.ts",
    original: "      if (!this.#isOver) over();\n",
    defective: "      if (this.#isOver) over();\n",
    suites: ["property-tests/histories"],
    law: "and the old one is killed while it leaves",
  },
  {
    rule: "a connection's bytes are counted through all its threads",
    file: "src/workers/handover/connection-snapshot.ts",
    original: "connection.bytesInBefore = snapshot.bytesIn ?? 0;",
    defective: "",
    suites: moving,
    law: "goes on counting bytes",
  },
  {
    rule: "who waits in main is with a shard before that hears of a stop",
    file: "src/main/handover/relay.ts",
    original: "of this.#waiting.splice(0))",
    defective: "of this.#waiting.slice(0, 0))",
    suites: ["test/unit/main/handover/relay.test.ts"],
  },
  {
    rule: "a shard that has told everyone tells those who still come",
    file: "src/main/shards/shard.ts",
    original: 'return this.state === "closing" || this.state === "draining";',
    defective: 'return this.state === "closing";',
    suites: ["test/unit/main/shards/shard.test.ts"],
  },
];
