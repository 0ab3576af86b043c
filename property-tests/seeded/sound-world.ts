import type { Defect } from "./defect.ts";

const simulation = ["property-tests/simulation"];
const inAnyLife = {
  suites: ["property-tests/simulation/lives.test.ts"],
  law: "clients, operators and faults do",
};

/** Mistakes that show where threads stand still. */
export const worldDefects: readonly Defect[] = [
  {
    rule: "who has moved hears nothing that it has heard where it was",
    file: "src/workers/topics/fan-out.ts",
    original: "if (at <= subscriber.heardUntil) continue;",
    defective: "",
    suites: simulation,
    law: "who moves to a shard that stands still hears nothing twice",
  },
  {
    rule: "a connection that leaves takes along until when it has heard",
    file: "src/workers/handover/connection-snapshot.ts",
    original: "snapshot.heardUntil ?? 0",
    defective: "0",
    suites: simulation,
    law: "who moves to a shard that stands still hears nothing twice",
  },
  {
    rule: "who has more than it may is written no more, whoever runs the handler",
    file: "src/workers/connection/connection.ts",
    original:
      '      this.#judgeBuffer(this.bufferedBytes);\n      return "closed";',
    defective: "      this.#judgeBuffer(this.bufferedBytes);",
    suites: simulation,
    law: "who is sent too much as it opens",
  },
  // Faults that there once were, as the code had them: random lives find them without being told where.
  {
    rule: "who calls a shutdown off during a reload finds the old version, and may reload again",
    file: "src/main/handover/reload.ts",
    original: "host.stoppage.onBegin(() => replacement.interrupt());",
    defective: "host.stoppage.onBegin(() => undefined);",
    suites: simulation,
    law: "called off while a reload is on trial",
  },
  {
    rule: "a shard that died while a shutdown waited follows when that is called off",
    file: "src/main/lifecycle.ts",
    original: `if (shard.state === "terminated") shard.startAgain();`,
    defective: `if (shard.state === "starting") shard.startAgain();`,
    ...inAnyLife,
    runs: 100,
  },
  {
    rule: "no handler is cut by the orderly end of its thread",
    file: "src/workers/shard-context.ts",
    original: "      this.#underWay === 0 &&\n",
    defective: "",
    ...inAnyLife,
    runs: 100,
  },
];
