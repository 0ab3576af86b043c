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
];
