/** Everything that is measured, with its name, unit and direction. */

/** How a metric is shown. */
export interface Metric {
  /** Column title; `%unit` stands for the case's unit of work. */
  readonly label: string;
  readonly better: "lower" | "higher" | "neither";
  /** Writes a value with its unit. */
  readonly format: (value: number) => string;
}

const micros = (value: number): string => {
  if (value >= 1000) return `${significant(value / 1000)} ms`;
  return `${significant(value)} µs`;
};
const share = (value: number): string => `${Math.round(value * 100)} %`;
const count = (value: number): string =>
  Math.round(value).toLocaleString("en-US");
const kibibytes = (value: number): string => `${significant(value / 1024)} KiB`;
const millis = (value: number): string => `${count(value)} ms`;
const bytes = (value: number): string => `${count(value)} B`;

/** The vocabulary of all cases. */
export const metrics = {
  cpuMicros: { label: "CPU a %unit", better: "lower", format: micros },
  kernelMicros: {
    label: "of it in the kernel",
    better: "lower",
    format: micros,
  },
  unitsPerSecond: { label: "%units a second", better: "higher", format: count },
  p50Micros: { label: "p50", better: "lower", format: micros },
  p99Micros: { label: "p99", better: "lower", format: micros },
  p999Micros: { label: "p99.9", better: "lower", format: micros },
  serverShare: { label: "server's CPU", better: "neither", format: share },
  loadShare: { label: "load's CPU", better: "neither", format: share },
  offeredPerSecond: { label: "offered", better: "neither", format: count },
  pssCollectedBytes: {
    label: "PSS a connection, garbage collected",
    better: "lower",
    format: kibibytes,
  },
  pssBytes: {
    label: "PSS a connection, as it lies",
    better: "lower",
    format: kibibytes,
  },
  rssBytes: {
    label: "RSS a connection, as it lies",
    better: "lower",
    format: kibibytes,
  },
  lastCloseFrameMs: {
    label: "last close frame after",
    better: "lower",
    format: millis,
  },
  closeFrameShare: {
    label: "got a close frame",
    better: "higher",
    format: share,
  },
  lastEndMs: {
    label: "last connection ended after",
    better: "lower",
    format: millis,
  },
  mainMicros: {
    label: "main thread's CPU a connection",
    better: "lower",
    format: micros,
  },
  acceptsPerSecond: {
    label: "accepts a second that main could do",
    better: "higher",
    format: count,
  },
  lifeMicros: { label: "CPU a life", better: "lower", format: micros },
  transitionMicros: { label: "a transition", better: "lower", format: micros },
  openBytes: { label: "heap while open", better: "lower", format: bytes },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;

/**
 * Three significant digits, without an exponent.
 *
 * @param value - Any finite number.
 */
export function significant(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}

/**
 * A metric's column title in a case.
 *
 * @param name - The metric.
 * @param unit - The case's unit of work, in the singular.
 */
export function labelOf(name: MetricName, unit: string): string {
  return metrics[name].label
    .replace("%units", plural(unit))
    .replace("%unit", unit);
}

function plural(unit: string): string {
  return unit.endsWith("y") ? `${unit.slice(0, -1)}ies` : `${unit}s`;
}
