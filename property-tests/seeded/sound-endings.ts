import type { Defect } from "./defect.ts";

const output = "test/real/shutdown/output.test.ts";
const nativeCalls = "test/real/shards/native-calls.test.ts";

/** The whole server ends, hangs or loses something for one part of it. */
export const endingDefects: readonly Defect[] = [
  {
    rule: "a thread that ends has passed on what its handlers printed",
    file: "src/workers/run-shard.ts",
    original: "  await shard.printed();\n",
    defective: "",
    suites: [output],
  },
  {
    rule: "the process ends when what was printed has left it",
    file: "src/cli/run-server.ts",
    original: "const writing = flush(io, writingTime(report));",
    defective: "const writing = Promise.resolve(true);",
    suites: ["test/unit/cli/run-server.test.ts"],
  },
  {
    rule: "what is left of the deadline goes into writing, and no more",
    file: "src/cli/run-server.ts",
    original:
      "return asDelay(Math.max(0, deadlineMs + GRACE_MS - durationMs));",
    defective: "return 600_000 + deadlineMs - durationMs;",
    suites: [output],
    law: "no longer than the deadline",
  },
  {
    rule: "a thread that cannot be ended is booked by the deadline",
    file: "src/main/shards/shard.ts",
    original: "    this.#bookEnd(thread.giveUp());\n",
    defective: "    thread.giveUp();\n",
    suites: [nativeCalls],
    law: "beyond the deadline",
  },
  {
    rule: "a process whose threads cannot be ended ends all the same",
    file: "src/cli/leave.ts",
    original: "if (!(await endThreads(threadsEndMs))) abandonThreads(status);",
    defective: "await endThreads(threadsEndMs);",
    suites: [nativeCalls],
    law: "beyond the deadline",
  },
  {
    rule: "a shard that cannot start again does not end the server while another serves",
    file: "src/main/supervisor.ts",
    original: "    if (lifecycle.isServing && !isLast) return true;\n",
    defective: "",
    suites: ["test/real/shards/crash.test.ts"],
    law: "does not end the server while another serves",
  },
  {
    rule: "clients do not get the last descriptors",
    file: "src/main/descriptors.ts",
    original: "    if (inUse < this.forClients) return",
    defective: "    if (inUse < this.limit) return",
    suites: ["test/real/connections/descriptors.test.ts"],
  },
  {
    rule: "a shard that stands still keeps no move waiting",
    file: "src/main/handover/relay.ts",
    original: "        this.#said(order, {});\n      },\n",
    defective: "      },\n",
    suites: [nativeCalls],
    law: "nor a reload waiting",
  },
  {
    rule: "who asks once more does not wait for a reader that has stopped",
    file: "src/cli/run-server.ts",
    original: "return { ...serving, stop: giveUp, force: giveUp };",
    defective: "void giveUp;\n  return serving;",
    suites: [output],
    law: "second signal",
  },
  {
    rule: "what waits for a reader that has stopped is bounded",
    file: "src/protocol/bounded-output.ts",
    original:
      "this.#isBehind ||= this.#stream.writableLength >= this.#mostBytes;",
    defective: "",
    suites: ["test/unit/protocol/bounded-output.test.ts"],
  },
  {
    rule: "a port that is taken when it is to listen again ends nobody",
    file: "src/main/accept/comeback.ts",
    original: "      if (attempt === this.#attempt) this.#wait(error);\n",
    defective: "      void error;\n",
    suites: ["test/real/shutdown/comeback.test.ts"],
  },
  {
    rule: "a thread that the system refuses ends no process",
    file: "src/main/shards/shard-thread.ts",
    original: "worker === undefined ? undefined : pool, port2",
    defective: "pool, port2",
    suites: ["test/real/shards/users-faults.test.ts"],
    law: "a thread that the system refuses",
  },
  {
    rule: "a stream of events is held from the moment it was asked for",
    file: "src/cli/admin-client.ts",
    original: "return readEvents((body ?? new ReadableStream()).values());",
    defective: "return readEvents(body ?? new ReadableStream());",
    suites: ["test/unit/cli/admin-client.test.ts"],
  },
];
