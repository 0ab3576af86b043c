import type { Defect } from "./defect.ts";

const machines = ["property-tests/machines"];

/** Mistakes in the machines, in what runs them, and in what gives them their time. */
export const machineDefects: readonly Defect[] = [
  {
    rule: "what an action sends is handled first in, first out",
    file: "src/workers/lifecycle/runner.ts",
    original: "for (const event of sent) this.#step(host, event);",
    defective:
      "for (const event of sent.toReversed()) this.#step(host, event);",
    suites: machines,
    runs: 400,
  },
  {
    rule: "an event sent while an action runs waits for its end",
    file: "src/workers/lifecycle/runner.ts",
    original: "    if (host.mailbox !== null) {\n",
    defective: "    if (host.mailbox === undefined) {\n",
    suites: machines,
  },
  {
    rule: "the delay of a state is cancelled when it is left",
    file: "src/workers/lifecycle/runner.ts",
    original: "if (step.cancelsDelay) this.#wheel.cancel(host);",
    defective: "",
    suites: machines,
  },
  {
    rule: "a delay is swept once the tick in which it is due is over",
    file: "src/workers/lifecycle/timer-wheel.ts",
    original: "this.#hang(entry, this.#tickOf(entry.wheelDue) + 1);",
    defective: "this.#hang(entry, this.#tickOf(entry.wheelDue));",
    suites: machines,
  },
  {
    rule: "lingering takes what is left of the connection's time",
    file: "src/workers/connection/machine-actions.ts",
    original: "  lingerDeadline: timeLeft,",
    defective: "  lingerDeadline: () => LINGER_MS,",
    suites: machines,
  },
  {
    rule: "a closing that nobody has given a deadline gives itself one",
    file: "src/workers/connection/machine-actions.ts",
    original:
      '    if (cause !== "shutdown")\n      connection.limitDeadline(shard.clock.now() + closeDeadlineMs);\n',
    defective: "",
    suites: machines,
  },
  {
    rule: "whoever closes on its way out of the thread closes where it is",
    file: "src/workers/connection/machine-actions.ts",
    original:
      "    // Whoever is on the way out of the thread closes where it is.\n    endMove(connection);\n",
    defective: "",
    suites: machines,
    runs: 400,
  },
  {
    rule: "whoever is told to go is told by when",
    file: "src/workers/lifecycle/shard-drain.ts",
    original: "    connection.limitDeadline(deadline);\n",
    defective: "",
    suites: machines,
  },
  {
    rule: "whoever is on its way out by a deadline no later is not told again",
    file: "src/workers/lifecycle/shard-drain.ts",
    original: "    if (connection.deadline <= deadline) return;\n",
    defective: "",
    suites: machines,
  },
  {
    rule: "TCP is ended once our close frame is flushed, and not before",
    file: "src/machines/connection-machine.ts",
    original: `"peer.closed": "answering",`,
    defective: `"peer.closed": { target: "concluding", actions: "endSocket" },`,
    suites: machines,
  },
  {
    rule: "at most one close frame is sent",
    file: "src/machines/connection-machine.ts",
    original: `"shutdown.requested": { target: "flushing", reenter: true },`,
    defective: `"shutdown.requested": { target: "flushing", reenter: true, actions: "sendCloseFrame" },`,
    suites: machines,
  },
  {
    rule: "the peer's close frame is heard while it is awaited",
    file: "src/machines/connection-machine.ts",
    original: `"peer.closed": { target: "concluding", actions: "endSocket" },`,
    defective: "",
    suites: machines,
  },
  {
    rule: "a move that is refused is given up",
    file: "src/machines/connection-machine.ts",
    original: `"move.refused": { target: "healthy", actions: "endMove" },`,
    defective: `"move.refused": "healthy",`,
    suites: machines,
  },
  {
    rule: "at the deadline connections are forced before their thread is killed",
    file: "src/machines/shard-machine.ts",
    original: `      after: {
        shutdownDeadline: { target: "draining", actions: "broadcastForce" },
      },`,
    defective: `      after: {
        shutdownDeadline: {
          target: "ending",
          actions: { type: "killThread", params: { cause: "deadline" } },
        },
      },`,
    suites: machines,
  },
  {
    rule: "shards that were told of a shutdown hear that it is called off",
    file: "src/machines/server-machine.ts",
    original: `["broadcastCallOff", "resumeListener", "announceReady"]`,
    defective: `["resumeListener", "announceReady"]`,
    suites: machines,
  },
  {
    rule: "grace is counted from the deadline, not from each time it is asked for",
    file: "src/main/deadlines.ts",
    original: "? timeUntil(deadline + graceMs, now)",
    defective: "? graceMs",
    suites: machines,
  },
];
