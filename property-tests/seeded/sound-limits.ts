import type { Defect } from "./defect.ts";

const extremes = "test/real/options/extremes.test.ts";
const adminBorder = ["property-tests/http/admin-border.test.ts"];

/** Mistakes at the ends of what is accepted: of options, of calls of the inspector, of another process. */
export const limitsDefects: readonly Defect[] = [
  {
    rule: "times that are each fine come to no more than a timer waits",
    file: "src/main/patient-clock.ts",
    original: "setTimeout(callback, asDelay(ms))",
    defective: "setTimeout(callback, ms)",
    suites: [extremes],
    law: "shutdownDeadlineMs",
  },
  {
    rule: "a thread is given the memory that it cannot start without",
    file: "src/config/table.ts",
    original: "const MIN_HEAP_MB = 32;",
    defective: "const MIN_HEAP_MB = 8;",
    suites: [extremes],
    law: "workerHeapMb",
  },
  {
    rule: "the greatest message fits into the greatest buffer",
    file: "src/config/table.ts",
    original: "    min: 1 + FRAME_HEADER_BYTES,\n    max: 2 * MAX_BYTES,",
    defective: "    min: 1 + FRAME_HEADER_BYTES,\n    max: MAX_BYTES,",
    suites: [extremes],
    law: "maxPayloadBytes",
  },
  {
    rule: "a field that says nothing aims at nobody",
    file: "src/admin/fields.ts",
    original: "  if (given === undefined) return undefined;\n  const value =",
    defective: "  if (given == null) return undefined;\n  const value =",
    suites: ["test/real/admin/border.test.ts"],
  },
  {
    rule: "what is given where nobody looks is refused",
    file: "src/admin/call.ts",
    original: "const [name] = this.query.keys();",
    defective: "const [name]: string[] = [];",
    suites: adminBorder,
  },
  {
    rule: "a call that takes no fields is given none",
    file: "src/admin/router.ts",
    original: "  return { takes: [], handle };",
    defective: `  return { takes: "anything", handle };`,
    suites: adminBorder,
  },
  {
    rule: "the certificate that was asked for last is served",
    file: "src/main/operations.ts",
    original: "this.#tlsReloads.then(() => this.#reloadTls())",
    defective: "Promise.resolve().then(() => this.#reloadTls())",
    suites: ["test/real/connections/tls.test.ts"],
    law: "asked last",
  },
  {
    rule: "what another process says and nobody understands is counted",
    file: "src/main/handover/read-process-message.ts",
    original: "  drop(word.what);\n",
    defective: "",
    suites: ["test/real/handover/nonsense.test.ts"],
  },
  {
    rule: "how long states took in a shutdown is told from the life before it",
    file: "src/main/report.ts",
    original: "count - (earlier?.[bucket] ?? 0)",
    defective: "count - 0 * (earlier?.[bucket] ?? 0)",
    suites: ["test/unit/main/report.test.ts"],
  },
];
