import type { Defect } from "./defect.ts";

const inspector = ["property-tests/simulation/inspector.test.ts"];

/** Mistakes in the inspector that show when its server lives, moves or ends meanwhile. */
export const inspectorDefects: readonly Defect[] = [
  {
    rule: "whoever watches hears how the server ended",
    file: "src/admin/admin.ts",
    original: "    this.#poller.end({ ...status, server });\n",
    defective: "",
    suites: inspector,
  },
  {
    rule: "whoever watches a process that leaves is let go",
    file: "src/admin/admin.ts",
    original: "      this.#listener.stop();\n      this.#streams.endAll();",
    defective: "      this.#listener.stop();",
    suites: inspector,
  },
  {
    rule: "nothing is written behind the end of a stream",
    file: "src/admin/streams.ts",
    original: "    this.#isOpen = false;\n    this.#call.response.end();",
    defective: "    this.#call.response.end();",
    suites: ["test/unit/admin/streams.test.ts"],
  },
  {
    rule: "a shard that has gone is not waited for by whoever asked it",
    file: "src/admin/inspect-requests.ts",
    original: "      pending.reject(new Unanswered(shard));",
    defective: "",
    suites: inspector,
  },
  {
    rule: "a connection that nobody follows any more is not looked at",
    file: "src/admin/following.ts",
    original: "    clearInterval(timer);\n",
    defective: "    void timer;\n",
    suites: inspector,
  },
  {
    rule: "no page of another site can have something done",
    file: "src/admin/guard.ts",
    original:
      "if (!isReading && !isOwnOrigin && headers[REQUEST_HEADER] === undefined)",
    defective: "if (!isReading && isOwnOrigin && origin === undefined)",
    suites: inspector,
  },
  {
    rule: "a list says which shards did not answer",
    file: "src/admin/inspect-requests.ts",
    original: "        unanswered.push(each.reason.shard);",
    defective: "        unanswered.length = 0;",
    suites: inspector,
  },
  {
    rule: "a page behind the first has who comes next",
    file: "src/admin/connections.ts",
    original:
      "const hasMore = rows.length > shown.length && last !== undefined;",
    defective:
      "const hasMore = rows.length < shown.length && last !== undefined;",
    suites: inspector,
  },
];
