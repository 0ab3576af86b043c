import type { Defect } from "./defect.ts";

const ledger = "property-tests/server/ledger.test.ts";
const withOperators = "whatever its clients and operators do";
const withBlocking = "while a handler blocks a shard";
const races = "property-tests/server/races.test.ts";
const travel = "property-tests/handover";
const moves = "test/real/handover/moving.test.ts";
const upgrades = "test/real/handover/upgrade.test.ts";

export const serverDefects: readonly Defect[] = [
  {
    rule: "nothing is sent to the peer after our close frame",
    file: "src/workers/connection/connection.ts",
    original: `    if (this.has("sealed")) return;\n    if (this.writer.isStuck)`,
    defective: `    if (this.writer.isStuck)`,
    suites: ["test/real/conformance/server-close.test.ts"],
  },
  {
    rule: "text that is not UTF-8 fails the connection with 1007",
    file: "src/workers/websocket/frame-reader.ts",
    original: "hasHighBit && !isUtf8(data)",
    defective: "!hasHighBit && !isUtf8(data)",
    suites: ["test/real/conformance/utf8.test.ts"],
  },
  {
    rule: "lengths from 126 on are written in network byte order",
    file: "src/rfc6455.ts",
    original: "into.writeUInt16BE(length, at + 2)",
    defective: "into.writeUInt16LE(length, at + 2)",
    suites: ["test/real/conformance/rfc6455.test.ts"],
  },
  {
    rule: "a close frame without a code is answered by one without a code",
    file: "src/workers/connection/machine-actions.ts",
    original: "if (code === CLOSE_CODE.noCode) return Buffer.alloc(0);",
    defective: "",
    suites: ["test/real/conformance/rfc6455.test.ts"],
  },
  {
    rule: "a connection that waits for its inflated messages reads on afterwards",
    file: "src/workers/connection/connection.ts",
    original: "      if (!isLater) return;\n      this.resumeReading();",
    defective: "      if (!isLater) return;",
    suites: ["test/real/conformance/deflate.test.ts"],
  },
  {
    rule: "who does not read is owed one pong at most",
    file: "src/workers/connection/connection.ts",
    original: `    if (this.writer.isStuck) this.#owedPong = ownBytes(data);\n    else `,
    defective: `    `,
    suites: ["test/real/connections/held.test.ts"],
  },
  {
    rule: "nothing of a connection is kept once it has ended",
    file: "src/workers/connection/machine-actions.ts",
    original: "    connection.inbox.drop();\n",
    defective:
      "    connection.inbox.drop();\n    ((globalThis as { kept?: unknown[] }).kept ??= []).push(connection);\n",
    suites: ["property-tests/frames/memory.test.ts"],
  },
  {
    rule: "a handshake ends at its deadline",
    file: "src/workers/connection/machine-actions.ts",
    original:
      "handshakeDeadline: ({ shard }) => shard.config.handshakeDeadlineMs,",
    defective: "handshakeDeadline: () => 60_000,",
    suites: ["property-tests/http"],
  },
  {
    rule: "what handlers owe goes out before the close frame",
    file: "src/workers/connection/inbox.ts",
    original: `if (this.pending === 0) this.#connection.tell("handlers.settled");`,
    defective: `this.#connection.tell("handlers.settled");`,
    suites: [ledger, "test/real/shutdown/shutdown.test.ts"],
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
    file: "src/workers/connection/machine-actions.ts",
    original: `outcome === "clean" || outcome === "unacknowledged"`,
    defective: `outcome === "clean"`,
    suites: [ledger],
  },
  {
    rule: "a drained shard gets no connection until it is resumed",
    file: "src/main/accept/balancer.ts",
    original: "if (!candidate.isAccepting) continue;",
    defective: "",
    suites: [ledger],
    law: withOperators,
  },
  {
    rule: "a blocked shard gets no connection while another accepts",
    file: "src/main/accept/balancer.ts",
    original:
      "if (candidate.isBlocked !== best.isBlocked) return best.isBlocked;",
    defective: "",
    suites: [ledger],
    law: withBlocking,
  },
  {
    rule: "a drain that is called off tells nobody any more",
    file: "src/workers/lifecycle/shard-drain.ts",
    original:
      "    this.#clock.clearTimeout(this.#timer);\n    this.#finishTelling();",
    defective: "    this.#finishTelling();",
    suites: ["property-tests/server/call-off.test.ts"],
  },
  {
    rule: "no state outlasts the connection's deadline",
    file: "src/workers/connection/machine-actions.ts",
    original: "  drainDeadline: timeLeft,",
    defective: "  drainDeadline: (connection) => timeLeft(connection) + 5_000,",
    suites: [ledger],
  },
  {
    rule: "a thread ends only when main lets it",
    file: "src/workers/run-shard.ts",
    original: `if (this.#isEmpty) this.#post({ type: "emptied" });`,
    defective: "this.#end();",
    suites: [races],
  },
  {
    rule: "whoever was between the threads when the shutdown came is told of it",
    file: "src/workers/run-shard.ts",
    original:
      "    // It was on its way between the threads when the shutdown passed it.\n    this.#context.drains.arrived(connection);\n",
    defective: "",
    suites: [races],
    runs: 400,
  },
  {
    rule: "no timer outlives the server",
    file: "src/main/shards/watchdog.ts",
    original: "return { stop: () => clearInterval(timer) };",
    defective: "return { stop() {} };",
    suites: [ledger],
  },
  {
    rule: "a drain does not wait for those who died with their thread",
    file: "src/main/drain.ts",
    original:
      "for (const progress of this.#underWay.values()) progress.drained(shard);",
    defective: "void shard;",
    suites: ["property-tests/server/deaths.test.ts"],
  },
  {
    rule: "a peer's close frame is heard behind the messages before it",
    file: "src/workers/connection/inbox.ts",
    original: "if (this.#waiting === null) this.hearClose();\n    else",
    defective: "this.hearClose();\n    if (this.#waiting === null)",
    suites: ["test/real/connections/close-behind-messages.test.ts"],
  },
  {
    rule: "whoever is adopted during a shutdown is told of it",
    file: "src/workers/lifecycle/shard-drain.ts",
    original:
      "    connection.limitDeadline(deadline);\n    connection.endWith(",
    defective:
      "    connection.limitDeadline(deadline);\n    if (this.#isOver) return;\n    connection.endWith(",
    suites: [races, ledger],
  },
  {
    rule: "no connection moves in the middle of a frame",
    file: "src/workers/handover/move.ts",
    original: "if (assembly !== null && !inbox.isFull) {",
    defective: "if (assembly !== null && inbox.isFull) {",
    suites: [travel],
  },
  {
    rule: "no connection moves while its handlers are in flight",
    file: "src/workers/handover/move.ts",
    original:
      'if (inbox.pending > 0 || transport.unreadBytes > 0) return "handlers";',
    defective: "",
    suites: [travel],
  },
  {
    rule: "what suspend returns travels in the place of the user data",
    file: "src/workers/handover/move.ts",
    original: `return this.#suspension === "done"`,
    defective: `return this.#suspension === "failed"`,
    suites: [moves],
  },
  {
    rule: "user data goes along",
    file: "src/workers/handover/connection-snapshot.ts",
    original: "  connection.data = snapshot.state;\n",
    defective: "",
    suites: [moves],
  },
  {
    rule: "subscriptions go along",
    file: "src/workers/handover/connection-snapshot.ts",
    original: "  topics.takeOver(connection, snapshot.subscriptions);\n",
    defective: "",
    suites: [travel],
  },
  {
    rule: "the ledger says who owns a connection",
    file: "src/workers/handover/mover.ts",
    original: `    counters.add("movedOut");\n`,
    defective: "",
    suites: [travel],
  },
  {
    rule: "who cannot leave the process lives on in it",
    file: "src/main/handover/relay.ts",
    original: "return this.#deliver({ snapshot, handle }, from, from, order);",
    defective: "return this.#landed(snapshot.number, from, order);",
    suites: [upgrades],
  },
  {
    rule: "a connection is another process's only once this one has let go of it",
    file: "src/main/handover/other-process.ts",
    original: "    this.#held.set(number, take);\n",
    defective: "    take();\n",
    suites: ["test/unit/main/handover/other-process.test.ts"],
  },
  {
    rule: "what the process that dies has not taken stays",
    file: "src/main/handover/other-process.ts",
    original:
      "    for (const { settled } of this.#sent.values()) settled(false);\n",
    defective: "",
    suites: ["test/unit/main/handover/other-process.test.ts", upgrades],
  },
  {
    rule: "an emptied shard's connections go to others",
    file: "src/main/handover/least-loaded.ts",
    original: "if (shard === except || !shard.isAccepting || shard.isBlocked)",
    defective: "if (shard !== except && shard.isBlocked)",
    suites: [moves],
  },
  {
    rule: "who cannot move is told to come back with 1012",
    file: "src/main/handover/handover.ts",
    original: "      CLOSE_CODE.serviceRestart,\n",
    defective: "      CLOSE_CODE.goingAway,\n",
    suites: [moves],
  },
  {
    rule: "a version whose event loop stands still fails its trial",
    file: "src/main/handover/version-watch.ts",
    original: "return isStill(shard)\n",
    defective: "return index === -1\n",
    suites: [moves],
  },
  {
    rule: "a version that fails in its messages fails its trial",
    file: "src/main/handover/version-comparison.ts",
    original: "if (failed <= bearable) return undefined;",
    defective: "if (failed <= bearable + came) return undefined;",
    suites: [moves],
  },
  {
    rule: "a connection has moved when it has landed on another shard",
    file: "src/main/handover/relay.ts",
    original: "if (order !== undefined && to !== from) order.report.moved++;",
    defective: "",
    suites: [moves],
  },
];
