import { optionSpecs } from "./table.ts";
import type { OptionGroup, OptionSpec } from "./table.ts";
import { formatDuration, formatSize } from "./units.ts";

/** One option with every name that it goes by. */
export interface OptionRow extends OptionSpec {
  /** In code and in config files: `shutdownDeadlineMs`. */
  readonly key: string;
  /** On the command line: `--shutdown-deadline`; its value carries the unit. */
  readonly flag: string;
  /** In the environment: `SLUICE_SHUTDOWN_DEADLINE`. */
  readonly env: string;
}

/** Gives specifications their names, in the order in which they stand. */
export function toRows(
  specs: Readonly<Record<string, OptionSpec>>,
): readonly OptionRow[] {
  return Object.entries(specs).map(([key, spec]) => {
    const name = kebabName(key, spec);
    return {
      ...spec,
      key,
      flag: `--${name}`,
      env: `SLUICE_${name.replaceAll("-", "_").toUpperCase()}`,
    };
  });
}

function kebabName(key: string, { kind }: OptionSpec): string {
  const bare =
    kind === "duration" || kind === "bytes"
      ? key.replace(/(?:Ms|Bytes)$/, "")
      : key;
  return bare.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Every option of the server, in the order in which they are documented. */
export const optionTable: readonly OptionRow[] = toRows(optionSpecs);

/** The default as a user would write it: `8s`, `1MiB`, `one per core`. */
export function formatDefault(spec: OptionSpec): string {
  if (spec.defaultText !== undefined) return spec.defaultText;
  const { kind, default: value = "none" } = spec;
  if (typeof value === "number") {
    if (kind === "duration") return formatDuration(value);
    if (kind === "bytes") return formatSize(value);
  }
  return typeof value === "object" ? value.join(", ") || "none" : String(value);
}

/**
 * The option table in markdown, one table per group, for docs/options.md.
 *
 * @param rows - {@link optionTable}, unless a part of it is wanted.
 */
export function renderOptionTable(
  rows: readonly OptionRow[] = optionTable,
): string {
  const groups = Map.groupBy(rows, (row) => row.group);
  return [...groups]
    .map(([group, members]) => renderGroup(group, members))
    .join("\n\n");
}

function renderGroup(group: OptionGroup, rows: readonly OptionRow[]): string {
  return [
    `**${group}**`,
    "",
    "| option | flag | default | meaning |",
    "|---|---|---|---|",
    ...rows.map((row) =>
      [
        "",
        ` \`${row.key}\` `,
        ` \`${row.flag}\` `,
        ` ${formatDefault(row)} `,
        ` ${row.description} `,
        "",
      ].join("|"),
    ),
  ].join("\n");
}
