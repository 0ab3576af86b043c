import type { Defect } from "./defect.ts";

const simulation = ["property-tests/simulation"];

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
];
