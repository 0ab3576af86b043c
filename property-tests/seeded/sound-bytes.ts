import type { Defect } from "./defect.ts";

const held = ["test/real/connections/held.test.ts"];
const frames = ["test/unit/workers/websocket/frame-reader.property.test.ts"];
const rationing = ["test/unit/workers/connection/rationing.test.ts"];
const writing = ["test/unit/workers/websocket/frame-writer.test.ts"];

/** Mistakes on the path of bytes: what is held, and for how long. */
export const bytesDefects: readonly Defect[] = [
  {
    rule: "a message in parts is bounded by what has come of it",
    file: "src/workers/websocket/message-assembly.ts",
    original: "    const capacity = Math.max(2 * needed,",
    defective: "    const capacity = Math.max(most,",
    suites: frames,
  },
  {
    rule: "nothing is read after the protocol is broken",
    file: "src/workers/connection/intake.ts",
    original: "  while (connection.isReading) {",
    defective: "  for (;;) {",
    suites: frames,
  },
  {
    rule: "the mask goes on where the part before ended",
    file: "src/workers/websocket/unmask.ts",
    original: "mask[(phase + i) % MASK_BYTES]",
    defective: "mask[i % MASK_BYTES]",
    suites: frames,
  },
  {
    rule: "what waits unread is not in the buffer that all sockets share",
    file: "src/workers/connection/intake.ts",
    original: "isOwn ? ownBytes(rest) : copyOf(rest)",
    defective: "rest",
    suites: frames,
  },
  {
    rule: "what waits for a peer that does not read is copied out of shared memory",
    file: "src/workers/websocket/backlog.ts",
    original: "if (byteLength > 2 * length) return this.#copy(piece);",
    defective: "",
    suites: writing,
  },
  {
    rule: "messages that wait for handlers are bounded, the rest stays bytes",
    file: "src/workers/connection/intake.ts",
    original: "const FRAMES_A_TURN = 256;",
    defective: "const FRAMES_A_TURN = 1e9;",
    suites: held,
  },
  {
    rule: "who begins a message has to end it",
    file: "src/workers/connection/holdings.ts",
    original: "      this.#judgeMessage(connection, now);\n",
    defective: "",
    suites: held,
  },
  {
    rule: "who reads nothing is congested, however little waits for it",
    file: "src/workers/connection/holdings.ts",
    original: "      this.#judgeReader(connection, standstill, now);\n",
    defective: "",
    suites: held,
  },
  {
    rule: "what comes before a request is answered is bounded",
    file: "src/workers/handshake/handshake.ts",
    original: "if (this.#earlyBytes > MAX_EARLY_BYTES)",
    defective: "if (this.#earlyBytes > 1e9)",
    suites: ["test/unit/workers/handshake/handshake.test.ts"],
  },
  {
    rule: "who holds most is not read from before the budget of memory is exceeded",
    file: "src/workers/connection/rationing.ts",
    original: "b.weight - a.weight",
    defective: "a.weight - b.weight",
    suites: rationing,
  },
  {
    rule: "those who have been told to go for want of memory count for what they hold",
    file: "src/workers/connection/rationing.ts",
    original: `if (!connection.has("open")) left -= connection.weight;`,
    defective: "",
    suites: rationing,
  },
  {
    rule: "what all hold together is no more than it may be",
    file: "src/workers/connection/rationing.ts",
    original: "if (whole > this.#maxBytes) this.#shed(",
    defective: "if (whole > 100 * this.#maxBytes) this.#shed(",
    suites: [...rationing, ...held],
  },
  {
    rule: "a publication that many have not taken is in memory once",
    file: "src/workers/websocket/shared-pins.ts",
    original: "if (count === 0) this.bytes += memory.byteLength;",
    defective: "this.bytes += memory.byteLength;",
    suites: writing,
  },
];
