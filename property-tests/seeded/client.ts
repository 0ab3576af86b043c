import type { Defect } from "./defect.ts";

const unit = "test/unit/client/client.test.ts";
const patient = "test/unit/client/patient-web-socket.test.ts";
const laws = "property-tests/client/client-laws.test.ts";
const client = "src/client/client.ts";

/** The client comes too early, twice, never, or forgets what it was given. */
export const clientDefects: readonly Defect[] = [
  {
    rule: "a client that wakes keeps its appointment",
    file: "src/machines/client-machine.ts",
    original: '"page.woke": { target: "appointed", reenter: true },',
    defective: '"page.woke": "#client.preparing",',
    suites: [laws],
  },
  {
    rule: "an appointment outlives that the network was away",
    file: client,
    original: "Math.max(LONGEST_OFFLINE_MS, this.#untilTurn())",
    defective: "LONGEST_OFFLINE_MS",
    suites: [unit],
  },
  {
    rule: "a client's failures are not forgotten before a connection was a good one",
    file: client,
    original: "this.#failures = isGood ? 0 : this.#failures + 1;",
    defective: "this.#failures = 0;",
    suites: [unit],
  },
  {
    rule: "an address that comes too late is not used",
    file: client,
    original: "      if (signal.aborted) return;\n",
    defective: "",
    suites: [unit],
  },
  {
    rule: "a socket that was given up is not heard any more",
    file: client,
    original: "if (socket === this.#socket) heard(event as never);",
    defective: "heard(event as never);",
    suites: [unit],
  },
  {
    rule: "what is sent into a socket that the platform closes waits for the next",
    file: client,
    original: "this.readyState === 1 && this.#socket?.readyState === 1",
    defective: "this.readyState === 1",
    suites: [unit],
  },
  {
    rule: "a host's appointment holds for all sockets of a page",
    file: "src/client/patient-web-socket.ts",
    original: "    appointments.set(host, appointment);\n",
    defective: "",
    suites: [patient],
  },
];
