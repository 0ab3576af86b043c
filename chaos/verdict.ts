import type { Descriptors } from "../property-tests/histories/descriptors.ts";
import type { ProcessEnd } from "../property-tests/histories/keeper.ts";
import type { ShutdownReport } from "../src/index.ts";
import type { Tally } from "./client.ts";
import { type Deeds, FLOOD } from "./operator.ts";

/** Everything that a run knows of itself at its end. */
export interface Evidence {
  /** Of every process. */
  readonly reports: readonly ShutdownReport[];
  readonly ends: readonly ProcessEnd[];
  readonly tally: Tally;
  readonly deeds: Deeds;
  /** Of a process without clients, before the chaos and after it. */
  readonly before: Descriptors;
  readonly remains: Descriptors;
  /** The server has said that it refused clients for want of descriptors. */
  readonly hasRunShort: boolean;
  /** What has grown meanwhile, in words. */
  readonly growth: readonly string[];
}

/** Each event loop may hold one in reserve, once it has listened. */
const SPARE = "/dev/null";

/** What does not add up; nothing, when all is well. */
export function findFaults(evidence: Evidence): string[] {
  const { reports, ends, tally, deeds, growth, hasRunShort } = evidence;
  const sum = (count: (report: ShutdownReport) => number): number =>
    reports.reduce((total, report) => total + count(report), 0);
  const opened = sum((report) => report.opened);
  const crashed = sum(({ outcomes }) => outcomes.crashed);
  const movedIn = sum((report) => report.movedIn);
  const movedOut = sum((report) => report.movedOut);
  const cruelly = ends.filter(
    ({ status, signal }) => status > 1 || signal !== 0,
  );
  const checks: [string, boolean][] = [
    [
      `a ledger is not balanced: ${JSON.stringify(reports.filter(({ balanced }) => !balanced))}`,
      reports.every(({ balanced }) => balanced),
    ],
    [
      "a deadline was not held",
      reports.every(({ deadlineHeld }) => deadlineHeld),
    ],
    [
      `${ends.length} processes have ended, ${reports.length} have reported`,
      ends.length === reports.length,
    ],
    [`a process ended badly: ${JSON.stringify(cruelly)}`, cruelly.length === 0],
    [`${movedOut} have moved out, ${movedIn} in`, movedIn === movedOut],
    [
      `${tally.opened} clients saw their connection open, ${opened} were counted`,
      opened >= tally.opened,
    ],
    [
      `${tally.wrong.length} replies were wrong: ${tally.wrong.slice(0, 5).join("; ")}`,
      tally.wrong.length === 0,
    ],
    [
      `${tally.cut} clients were cut without a close frame, ${crashed} crashed`,
      tally.cut <= crashed,
    ],
    ["no client was served", tally.echoes > 0],
    [
      "descriptors were taken, and the server never ran short of them",
      hasRunShort || deeds[FLOOD] === undefined,
    ],
  ];
  return [
    ...checks.filter(([, holds]) => !holds).map(([fault]) => fault),
    ...growth,
    ...leftOver(evidence),
    ...neverDone(evidence),
  ];
}

function leftOver({ before, remains }: Evidence): string[] {
  const kinds = new Set([...Object.keys(before), ...Object.keys(remains)]);
  kinds.delete(SPARE);
  return [...kinds]
    .filter((kind) => before[kind] !== remains[kind])
    .map(
      (kind) =>
        `descriptors of ${kind}: ${before[kind] ?? 0} before, ${remains[kind] ?? 0} after`,
    );
}

/** A run in which nothing of its kind ever succeeded shows nothing about it. */
function neverDone({ deeds }: Evidence): string[] {
  return Object.keys(deeds)
    .filter((name) => name.endsWith(": not possible at that moment"))
    .filter((name) => deeds[name.split(":")[0] as string] === undefined)
    .filter((name) => (deeds[name] ?? 0) > 2)
    .map((name) => `never once done: ${name}, ${deeds[name]} times`);
}
