import type { Defect } from "./defects.ts";

const lastWords = "test/integration/topics/last-words.test.ts";

/** Mistakes at the borders: between threads, processes, instances and operators. */
export const bordersDefects: readonly Defect[] = [
  {
    rule: "what a thread publishes in its last turn goes out before it ends",
    file: "src/workers/topics/shard-topics.ts",
    original: "    this.#publisher.flush();\n    this.#links.close();\n",
    defective: "    this.#links.close();\n",
    suites: [lastWords],
    law: "through many restarts",
  },
  {
    rule: "the last words of a thread are read before the first of the next",
    file: "src/workers/topics/links.ts",
    original: "    if (previous === undefined) listen();\n",
    defective: "    previous?.close();\n    if (previous !== port) listen();\n",
    suites: [lastWords],
    law: "blocked until the next thread was there",
  },
  {
    rule: "what main publishes before it sends connections away reaches them",
    file: "src/main/server.ts",
    original: "    this.#topics.flush();\n",
    defective: "",
    suites: [lastWords],
    law: "whom main sends away",
  },
];
