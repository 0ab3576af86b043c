import type { Defect } from "./defect.ts";

const unit = "test/unit/client/client.test.ts";
const liveness = "test/unit/client/liveness.test.ts";
const hands = "test/unit/client/hands.test.ts";
const ticks = "test/real/connections/ticks.test.ts";
const client = "src/client/client.ts";
const lives = "property-tests/client/client-lives.test.ts";
const runner = "src/client/client-runner.ts";

/** A heartbeat that no page hears, a client that believes a dead line, or comes when it should not. */
export const soundClientDefects: readonly Defect[] = [
  {
    rule: "an appointment is kept to the millisecond",
    file: "src/client/appointment.ts",
    original: "Math.min(Number(after), LONGEST_TIMER_MS)",
    defective: "Math.min(Number(after) * 0.9, LONGEST_TIMER_MS)",
    suites: [unit],
  },
  {
    rule: "a client whose server says never does not come back",
    file: client,
    original: "let isFinal = inMs === Infinity;",
    defective: "let isFinal = false;",
    suites: [unit],
  },
  {
    rule: "a back-off is random over all of its range",
    file: client,
    original: "this.#setTurnIn(Math.random() * longestNow);",
    defective: "this.#setTurnIn(longestNow);",
    suites: [unit],
  },
  {
    rule: "what is heard arms the delay of silence, not another timer",
    file: client,
    original: '      this.state !== "open.healthy" ||\n',
    defective: '      this.state === "open.probing" &&\n',
    suites: [liveness],
  },
  {
    rule: "a dead socket is left, and its close is not waited for",
    file: client,
    original: "      this.#socket = undefined;\n",
    defective: "",
    suites: [unit],
  },
  {
    rule: "timers that stood still let a page hear first what has come",
    file: runner,
    original: "graceMs > 0 && Date.now() - dueAt > LATE_MS",
    defective: "false",
    suites: [liveness],
  },
  {
    rule: "a client goes on, whatever its application throws",
    file: client,
    original: "    } finally {\n      this.#runner.tell(isFinal",
    defective: "    } catch {\n      this.#runner.tell(isFinal",
    suites: [hands],
  },
  {
    rule: "only the first message can be the greeting",
    file: client,
    original:
      "this.#heardAt === 0 ? greetingIn(data, this.protocol) : undefined",
    defective: "greetingIn(data, this.protocol)",
    suites: [liveness],
  },
  {
    rule: "what waits to be sent is what it was when it was given",
    file: "src/client/send-queue.ts",
    original: 'typeof data === "string" ? data : copyOf(data)',
    defective: "data",
    suites: [hands],
  },
  {
    rule: "a clock that is set back makes no client wait longer",
    file: client,
    original: "Math.max(0, Math.min(this.#turnMs, ms))",
    defective: "Math.max(0, ms)",
    suites: [liveness],
  },
  {
    rule: "a network that is back ends a back-off",
    file: client,
    original: "      else this.#turnMs = 0;\n",
    defective: "",
    suites: [liveness],
  },
  {
    rule: "who does not answer is given up after five seconds",
    file: client,
    original: "probeDeadline: () => 5_000",
    defective: "probeDeadline: () => 50_000",
    suites: [lives],
    runs: 300,
  },
  {
    rule: "a socket that is given up is closed",
    file: client,
    original: "      socket?.close();\n",
    defective: "",
    suites: [lives],
    runs: 300,
  },
  {
    rule: "an address is asked once for each attempt",
    file: client,
    original: '      fact = "address.failed";',
    defective:
      '      fact = "address.failed";\n      void address({ attempt, signal: asking.signal });',
    suites: [lives],
    runs: 300,
  },
  {
    rule: "every send has its fate by the end",
    file: client,
    original: 'this.#queue.empty(() => "refused");',
    defective: "",
    suites: [lives],
    runs: 300,
  },
  {
    rule: "a client that asks for it is shown each ping",
    file: "src/workers/connection/connection.ts",
    original: "if (this.subprotocol === SLUICE_V1) this.#sendTick();",
    defective: "",
    suites: [ticks],
  },
  {
    rule: "a question of one client to its server is none of another",
    file: "src/workers/handshake/sluice-v1.ts",
    original: 'data.toString("latin1", 1) === tokenOfSpeaker(speaker)',
    defective: "true",
    suites: [ticks],
  },
  {
    rule: "who did not ask for sluice.v1 is told nothing of it",
    file: "src/workers/handshake/sluice-v1.ts",
    original: "    speaker.subprotocol === SLUICE_V1 &&\n",
    defective: "",
    suites: [ticks],
  },
  {
    rule: "who does not read is owed one tick at most",
    file: "src/workers/connection/connection.ts",
    original: "if (this.writer.isStuck) this.#isTickOwed = true;\n    else",
    defective: "",
    suites: ["test/real/connections/held.test.ts"],
  },
];
