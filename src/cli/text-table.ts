/** Anything but what a terminal shows as it is: a peer's path must not move the cursor. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** Text as a terminal may show it. */
export function withoutControls(text: string): string {
  return text.replaceAll(CONTROL, "?");
}

/** A column: its heading, and whether it holds numbers, which stand at the right. */
export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
  /** Longer text is cut here. */
  readonly maxWidth?: number;
}

/** Lays rows out in columns that are as wide as they need to be. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const cells = rows.map((row) =>
    row.map((text, at) => cut(withoutControls(text), columns[at])),
  );
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((text, at) => {
        const width = widths[at] ?? 0;
        return columns[at]?.isNumber === true
          ? text.padStart(width)
          : text.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...cells.map(line)].join(
    "\n",
  );
}

/** `3 h 5 min`, `42 s`, `120 ms`: two units at most. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 1) return `${Math.round(milliseconds)} ms`;
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `15.2 MB`: decimal, three digits or so. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

function cut(text: string, column: Column | undefined): string {
  const { maxWidth = Infinity } = column ?? {};
  return text.length <= maxWidth ? text : `${text.slice(0, maxWidth - 1)}…`;
}
