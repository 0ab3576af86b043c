import type { Defect } from "./defect.ts";

const canary = "test/unit/main/handover/version-comparison.test.ts";
const moves = "test/real/handover/moving.test.ts";
const upgrades = "test/real/handover/upgrade.test.ts";
const loading = "test/real/shards/loading.test.ts";

/** Mistakes in what operators are told, and in who is listened to when a new version is tried. */
export const operatorDefects: readonly Defect[] = [
  {
    rule: "a stranger cannot veto a new version",
    file: "src/main/handover/version-comparison.ts",
    original:
      "if (!isTold || served >= expected * SERVED_SHARE) return undefined;",
    defective: "if (failed < FLOOR) return undefined;",
    suites: [moves],
  },
  {
    rule: "what is said by a stranger counts once, however often it is said",
    file: "src/workers/shard-context.ts",
    original:
      "if (!(connection instanceof LiveConnection) || connection.hasFailed) return;",
    defective: "if (!(connection instanceof LiveConnection)) return;",
    suites: [moves],
    law: "one client",
  },
  {
    rule: "the old version is judged over the same time",
    file: "src/main/handover/version-comparison.ts",
    original:
      "const failedThere = bothOf(old, hook) - bothOf(this.#oldThen, hook);",
    defective: "const failedThere = bothOf(old, hook);",
    suites: [canary],
  },
  {
    rule: "each hook is judged for itself",
    file: "src/main/handover/version-comparison.ts",
    original: "  return failures.moved[hook] + failures.new[hook];",
    defective:
      '  return hook === "started" ? 0 : Object.values(failures.new).reduce((sum, count) => sum + count, failures.moved[hook]);',
    suites: [canary],
  },
  {
    rule: "a process that takes over hears how the one before fares",
    file: "src/main/handover/predecessor.ts",
    original: "return this.#hear(message.tally);",
    defective: "return;",
    suites: [upgrades],
  },
  {
    rule: "what is compiled to CommonJS is a handlers module",
    file: "src/config/default-export.ts",
    original: "exported.__esModule === true;",
    defective: "exported.__esModule === 1;",
    suites: [loading],
  },
  {
    rule: "a syntax error has a place",
    file: "src/workers/syntax-place.ts",
    original: "((await check(file)) ?? file)",
    defective: "undefined",
    suites: [loading],
  },
];
