/** A small mistake, made on purpose, and where it is expected to be noticed. */
export interface Defect {
  /** The rule that it breaks, as it stands in the design. */
  readonly rule: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly original: string;
  readonly defective: string;
  /** Test files, or folders of them. */
  readonly suites: readonly string[];
  /** The only law that is asked, by a part of its name: what another says is about something else. */
  readonly law?: string;
}

const ledger = "property-tests/server/ledger.test.ts";
const withOperators = "whatever its clients and operators do";
const withBlocking = "while a handler blocks a shard";
const races = "property-tests/server/races.test.ts";

export const defects: readonly Defect[] = [
  {
    rule: "nothing is sent to the peer after our close frame",
    file: "src/workers/connection.ts",
    original: `if (!this.has("sealed")) this.outgoing.frame(OPCODE.pong, data);`,
    defective: `this.outgoing.frame(OPCODE.pong, data);`,
    suites: ["test/conformance/server-close.test.ts"],
  },
  {
    rule: "text that is not UTF-8 fails the connection with 1007",
    file: "src/workers/frame-reader.ts",
    original: "hasHighBit && !isUtf8(data)",
    defective: "!hasHighBit && !isUtf8(data)",
    suites: ["test/conformance/utf8.test.ts"],
  },
  {
    rule: "lengths from 126 on are written in network byte order",
    file: "src/workers/outgoing.ts",
    original: "slab.writeUInt16BE(length, at)",
    defective: "slab.writeUInt16LE(length, at)",
    suites: ["test/conformance/rfc6455.test.ts"],
  },
  {
    rule: "a close frame without a code is answered by one without a code",
    file: "src/workers/connection-actions.ts",
    original: "if (code === CLOSE_CODE.none) return Buffer.alloc(0);",
    defective: "",
    suites: ["test/conformance/rfc6455.test.ts"],
  },
  {
    rule: "a connection that waits for its inflated messages reads on afterwards",
    file: "src/workers/reception.ts",
    original: "if (engine.writableNeedDrain) connection.socket.pause();",
    defective: "if (engine.writableLength > 0) connection.socket.pause();",
    suites: ["test/conformance/deflate.test.ts"],
  },
  {
    rule: "a handshake ends at its deadline",
    file: "src/workers/connection-actions.ts",
    original:
      "handshakeDeadline: ({ shard }) => shard.config.handshakeDeadlineMs,",
    defective: "handshakeDeadline: () => 60_000,",
    suites: ["property-tests/http"],
  },
  {
    rule: "what handlers owe goes out before the close frame",
    file: "src/workers/inbox.ts",
    original: `if (this.pending === 0) this.#connection.tell("handlers.settled");`,
    defective: `this.#connection.tell("handlers.settled");`,
    suites: [ledger, "test/integration/shutdown.test.ts"],
  },
  {
    rule: "every connection of a dead thread is counted as crashed",
    file: "src/protocol/shard-counters.ts",
    original: `this.add("crashed", crashed);`,
    defective: `this.add("crashed", Math.max(0, crashed - 1));`,
    suites: [ledger],
    law: withOperators,
  },
  {
    rule: "an outcome is counted under the close code that ended it",
    file: "src/workers/connection-actions.ts",
    original: `outcome === "clean" || outcome === "unacknowledged"`,
    defective: `outcome === "clean"`,
    suites: [ledger],
  },
  {
    rule: "a drained shard gets no connection until it is resumed",
    file: "src/main/balancer.ts",
    original: "if (!candidate.isAccepting) continue;",
    defective: "",
    suites: [ledger],
    law: withOperators,
  },
  {
    rule: "a blocked shard gets no connection while another accepts",
    file: "src/main/balancer.ts",
    original:
      "if (candidate.isBlocked !== best.isBlocked) return best.isBlocked;",
    defective: "",
    suites: [ledger],
    law: withBlocking,
  },
  {
    rule: "a drain that is called off tells nobody any more",
    file: "src/workers/departure.ts",
    original:
      "    this.#clock.clearTimeout(this.#timer);\n    this.#finishTelling();",
    defective: "    this.#finishTelling();",
    suites: ["property-tests/server/call-off.test.ts"],
  },
  {
    rule: "no state outlasts the connection's deadline",
    file: "src/workers/connection-actions.ts",
    original: "  drainDeadline: timeLeft,",
    defective: "  drainDeadline: (connection) => timeLeft(connection) + 5_000,",
    suites: [ledger],
  },
  {
    rule: "a thread ends only when main lets it",
    file: "src/workers/shard.ts",
    original: `if (this.#isEmpty) this.#post({ type: "emptied" });`,
    defective: "this.#end();",
    suites: [races],
  },
  {
    rule: "whoever is adopted during a shutdown is told of it",
    file: "src/workers/departure.ts",
    original:
      "    connection.limitDeadline(deadline);\n    connection.sayGoodbye(",
    defective:
      "    connection.limitDeadline(deadline);\n    if (this.#isOver) return;\n    connection.sayGoodbye(",
    suites: [races, ledger],
  },
];
