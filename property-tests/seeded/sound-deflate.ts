import type { Defect } from "./defect.ts";

const pool = ["test/unit/workers/websocket/deflate-pool.test.ts"];
const pooled = ["test/unit/workers/connection/pooled-compression.test.ts"];
const publication = ["test/unit/workers/connection/publication.test.ts"];
const move = ["test/unit/workers/handover/move.test.ts"];
const moving = ["test/real/handover/compressed.test.ts"];

/** Mistakes in compression that keeps nothing between two messages. */
export const deflateDefects: readonly Defect[] = [
  {
    rule: "what has met broken data inflates nobody else's",
    file: "src/workers/websocket/deflate-pool.ts",
    original: "      this.#inflater.close();\n      this.#inflater = null;\n",
    defective: "",
    suites: pool,
  },
  {
    rule: "a message that is inflated at once is not larger than it may be",
    file: "src/workers/websocket/deflate-pool.ts",
    original:
      "    if (length > this.#maxPayloadBytes) return CLOSE_CODE.messageTooBig;\n",
    defective: "",
    suites: pool,
  },
  {
    rule: "nor one that takes longer",
    file: "src/workers/websocket/deflate-pool.ts",
    original: "maxOutputLength: this.#maxPayloadBytes",
    defective: "maxOutputLength: 2 * this.#maxPayloadBytes",
    suites: pool,
  },
  {
    rule: "so many messages of a shard are with Node's threads, and not one more",
    file: "src/workers/websocket/deflate-pool.ts",
    original: "if (this.#running < JOBS_AT_ONCE) {",
    defective: "if (this.#running <= JOBS_AT_ONCE) {",
    suites: pool,
  },
  {
    rule: "nobody is sent what the agreed window cannot look back to",
    file: "src/workers/websocket/zlib-context.ts",
    original: "new DrivenContext(createDeflateRaw({ windowBits }))",
    defective: "new DrivenContext(createDeflateRaw())",
    suites: pool,
  },
  {
    rule: "an offer that zlib cannot keep to is declined",
    file: "src/workers/websocket/ws-engine.ts",
    original: `typeof windowBits !== "number" || windowBits < FEWEST_WINDOW_BITS`,
    defective: `typeof windowBits !== "number"`,
    suites: ["test/unit/workers/handshake/handshake.test.ts"],
  },
  {
    rule: "no message overtakes one that takes longer to compress",
    file: "src/workers/connection/pooled-compression.ts",
    original: "if (this.isIdle && this.#sendNow(",
    defective: "if (this.#sendNow(",
    suites: pooled,
  },
  {
    rule: "no publication overtakes what is being compressed",
    file: "src/workers/connection/pooled-compression.ts",
    original: "if (this.isIdle && deflation.frames !== null)",
    defective: "if (deflation.frames !== null)",
    suites: pooled,
  },
  {
    rule: "nothing is written for a connection that has ended meanwhile",
    file: "src/workers/connection/pooled-compression.ts",
    original: "          if (this.#isClosed) return;\n",
    defective: "",
    suites: pooled,
  },
  {
    rule: "nothing that it has said is handled any more either",
    file: "src/workers/connection/pooled-compression.ts",
    original: "if (!this.#isClosed) done(inflated);",
    defective: "done(inflated);",
    suites: pooled,
  },
  {
    rule: "nobody has more than its turn compressed on the thread that serves all",
    file: "src/workers/connection/pooled-compression.ts",
    original:
      "return bytes <= AT_ONCE_BYTES && this.#turnBytes < BYTES_A_TURN;",
    defective: "return bytes <= AT_ONCE_BYTES;",
    suites: pooled,
  },
  {
    rule: "what inflates to much uses up the turn as well",
    file: "src/workers/connection/pooled-compression.ts",
    original: `        if (typeof inflated !== "number") this.#turnBytes += inflated.length;\n`,
    defective: "",
    suites: pooled,
  },
  {
    rule: "a publication is compressed once for all",
    file: "src/workers/connection/publication.ts",
    original: "      this.#deflations.set(windowBits, deflation);\n",
    defective: "",
    suites: publication,
  },
  {
    rule: "a publication that compression makes no shorter goes as it is",
    file: "src/workers/connection/publication.ts",
    original: "deflated !== undefined && deflated.length < payload.length;",
    defective: "deflated !== undefined;",
    suites: publication,
  },
  {
    rule: "what a publication needs while it is compressed is counted, and no longer",
    file: "src/workers/connection/publication.ts",
    original: "      pins.delete(buffer);\n",
    defective: "",
    suites: publication,
  },
  {
    rule: "who keeps a window stays with it",
    file: "src/workers/handover/move.ts",
    original: `    if (connection.compressor?.windowBits === null) return "compression";\n`,
    defective: "",
    suites: move,
  },
  {
    rule: "nobody moves while a message of it is being inflated",
    file: "src/workers/handover/move.ts",
    original: `    if (connection.isInflating) return "mid-frame";\n`,
    defective: "",
    suites: move,
  },
  {
    rule: "what was agreed on compression moves along",
    file: "src/workers/handover/connection-snapshot.ts",
    original: `    compress(connection, { kind: "anew", windowBits: head.windowBits });\n`,
    defective: "",
    suites: moving,
  },
];
