import { formatDefault } from "../config/rows.ts";
import type { OptionRow } from "../config/rows.ts";
import { flagTerm } from "./flags.ts";

const INTRODUCTION = `Usage: sluice serve [options] [handlers]

Serve WebSocket connections on every core; stop without dropping anyone.
`;

const INDENT = "  ";

/**
 * The short help of `sluice serve`: what most people need, on the smallest
 * screen there is (80 by 24), prompt included.
 */
export function renderHelp(rows: readonly OptionRow[]): string {
  const common = rows.filter((row) => row.common);
  const width = termWidth(common);
  const more = `${INDENT}${"--help-all".padEnd(width)}${INDENT}all ${rows.length} options, and the other ways to set them`;
  const sections = renderGroups(common, width, sectionOf);
  return `${INTRODUCTION}\n${sections.join("\n\n")}\n${more}\n`;
}

/** Every option with its group, and how else it can be given. */
export function renderFullHelp(rows: readonly OptionRow[]): string {
  const width = termWidth(rows);
  const headings = [...new Set(rows.map(groupOf))];
  const groups = renderGroups(rows, width, groupOf).map(
    (lines, index) => `${headings[index] ?? ""}\n${lines}`,
  );
  return `${INTRODUCTION}
[handlers] is a module with your handlers, by path or file URL.
A flag wins over the environment (--shutdown-deadline is SLUICE_SHUTDOWN_DEADLINE),
which wins over the config file (shutdownDeadlineMs). TIME is 8s, 500ms or 2m, or
milliseconds; SIZE is 64KiB or 1MiB, or bytes; LIST has commas, or repeat the flag.

${groups.join("\n\n")}

SIGTERM or SIGINT shuts down, a second one forces it; SIGHUP reloads handlers and TLS files.
SIGUSR2 starts a new process that takes every connection over.
Exit status: 0 every connection accounted for, 1 a thread was killed or crashed, 2 wrong usage.
`;
}

function groupOf({ group }: OptionRow): string {
  return group;
}

/** The short help has too few rows to set every group apart. */
function sectionOf({ group }: OptionRow): string {
  const own: readonly string[] = ["Serving", "Shutdown", "Command line"];
  return own.includes(group) ? group : "Protection";
}

function termWidth(rows: readonly OptionRow[]): number {
  return Math.max(...rows.map((row) => flagTerm(row).length));
}

function renderGroups(
  rows: readonly OptionRow[],
  width: number,
  sectionOrGroup: (row: OptionRow) => string,
): readonly string[] {
  const groups = Map.groupBy(rows, sectionOrGroup);
  return [...groups.values()].map((members) =>
    members.map((row) => renderLine(row, width)).join("\n"),
  );
}

function renderLine(row: OptionRow, width: number): string {
  const fallback = formatDefault(row);
  const suffix = fallback === "none" ? "" : ` [${fallback}]`;
  return `${INDENT}${flagTerm(row).padEnd(width)}${INDENT}${row.description}${suffix}`;
}
