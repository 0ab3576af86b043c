import type { Defect } from "./defect.ts";

const moves = ["property-tests/simulation/moves.test.ts"];
const relay = ["test/unit/main/handover/relay.test.ts"];

/** Mistakes in what becomes of connections between two threads, and of those that stay after all. */
export const movesDefects: readonly Defect[] = [
  {
    rule: "what is said to handlers that suspend waits until they have resumed",
    file: "src/workers/handover/move.ts",
    original: "      connection.inbox.hold(\n",
    defective: "      connection.inbox.track(\n",
    suites: moves,
  },
  {
    rule: "who was suspended when a shutdown came resumes before it ends",
    file: "src/workers/handover/move.ts",
    original: `connection.move !== this && !connection.has("sealed")`,
    defective: `connection.move !== this && connection.has("open")`,
    suites: moves,
  },
  {
    rule: "nobody resumes after a verdict",
    file: "src/workers/connection/inbox.ts",
    original: `    if (this.#stage === "shut") return;\n    this.#holdFor`,
    defective: `    this.#holdFor`,
    suites: ["test/unit/workers/connection/inbox.test.ts"],
  },
  {
    rule: "where suspend fails nobody leaves",
    file: "src/workers/handover/move.ts",
    original: `if (this.#suspension === "failed") return "suspend";`,
    defective: "",
    suites: moves,
  },
  {
    rule: "so many are on their way to a shard that has taken none, and not one more",
    file: "src/main/handover/relay.ts",
    original: "untaken >= UNTAKEN && to !== from",
    defective: "untaken > UNTAKEN && to !== from",
    suites: relay,
  },
  {
    rule: "a shard that says nothing of a move is waited for from its deadline on, by the clock that threads share",
    file: "src/main/handover/relay.ts",
    original: "timeUntil(deadline, monotonicNow()) + SILENCE_MS",
    defective: "timeUntil(deadline, performance.now()) + SILENCE_MS",
    suites: relay,
  },
  {
    rule: "who comes back from an order that was called off does not come from another's",
    file: "src/main/handover/relay.ts",
    original: "this.#takeBack((waiting) => waiting.order === order);",
    defective: "this.#takeBack(({ from: whence }) => whence !== undefined);",
    suites: relay,
  },
  {
    rule: "a drain does not restart a shard that somebody else restarts",
    file: "src/main/handover/handover.ts",
    original: "if (shard.isClosing) return await",
    defective: "if (shard.isClosing && false) return await",
    suites: moves,
  },
  {
    rule: "who is still let in by a version that fails goes back as well",
    file: "src/main/handover/emptying.ts",
    original: " || (!this.#isOver && counters.upgrading > 0)",
    defective: "",
    suites: ["property-tests/simulation/reloads.test.ts"],
  },
];
