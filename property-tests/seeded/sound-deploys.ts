import type { Defect } from "./defect.ts";

const stops = "test/real/handover/stopped-upgrade.test.ts";
const terminal = "test/real/handover/terminal.test.ts";
const deploys = "test/real/handover/deploys.test.ts";

/** Mistakes in what happens when versions are deployed, and stopped meanwhile. */
export const deployDefects: readonly Defect[] = [
  {
    rule: "a stop travels to the process that has taken over",
    file: "src/main/handover/process-upgrade.ts",
    original: `    if (this.#phase === "committed")
      return this.#sayStop({ reason, deadlineMs });
`,
    defective: `    if (this.#phase === "committed") return undefined;
`,
    suites: [stops],
    law: "only waits for its last clients",
  },
  {
    rule: "a stop while everyone moves ends both processes",
    file: "src/main/handover/process-upgrade.ts",
    original: "      else await this.#stopBoth(this.#stop);\n",
    defective: "      else await this.#goBack();\n",
    suites: [stops],
    law: "stops with the old process, when that is asked to while everyone moves",
  },
  {
    rule: "who closes the terminal ends the server",
    file: "src/cli/terminal.ts",
    original: "hasHungUp: () => isOnTerminal && !canOpenTerminal(),",
    defective: "hasHungUp: () => false,",
    suites: [terminal],
    law: "ends when the terminal is closed",
  },
  {
    rule: "the first process stays on its terminal until the last has ended",
    file: "src/cli/terminal.ts",
    original: "isWaitedFor: isOnTerminal || process.pid === 1,",
    defective: "isWaitedFor: process.pid === 1,",
    suites: [terminal],
    law: "ends by Ctrl-C",
  },
  {
    rule: "handlers are looked for where the link leads to by now",
    file: "src/config/narrow.ts",
    original: "    return pathToFileURL(resolve(workingFolder, path)).href;",
    defective: "    return pathToFileURL(resolve(path)).href;",
    suites: [deploys],
    law: "by a relative path",
  },
  {
    rule: "a folder that was removed keeps no thread from starting",
    file: "src/main/shards/shard-thread.ts",
    original: "    leaveRemovedFolder();\n",
    defective: "    void leaveRemovedFolder;\n",
    suites: [deploys],
    law: "removes the folder and makes it again",
  },
  {
    rule: "a reload that a shutdown interrupts has given back before that can be called off",
    file: "src/main/handover/reload.ts",
    original: `before the new one had passed"),
    );
    this.#giveBack();
`,
    defective: `before the new one had passed"),
    );
`,
    suites: ["test/real/interplay"],
    law: "at once",
  },
];
