import type { Defect } from "./defect.ts";

const lives = {
  suites: ["property-tests/simulation/lives.test.ts"],
  law: "keeps every law, whatever",
};

/** Mistakes that whoever looks at all of a shard between two callbacks sees. */
export const houseDefects: readonly Defect[] = [
  {
    rule: "a drain is over once everyone that it told has ended, and not before",
    file: "src/workers/lifecycle/shard-drain.ts",
    original:
      "if (this.#isOver && this.#leaving.size === 0) this.#onDrained();",
    defective: "if (this.#isOver) this.#onDrained();",
    ...lives,
  },
  {
    rule: "a shard counts who has come from another",
    file: "src/workers/handover/mover.ts",
    original: '    counters.add("movedIn");\n',
    defective: "",
    ...lives,
  },
  {
    rule: "a delay that nobody waits for is off the wheel",
    file: "src/workers/lifecycle/runner.ts",
    original: "    if (step.cancelsDelay) this.#wheel.cancel(host);\n",
    defective: "",
    ...lives,
  },
];
