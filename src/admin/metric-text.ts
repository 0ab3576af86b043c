/** What kinds of metrics there are here. */
type MetricKind = "counter" | "gauge";

/** Gives one value; its labels in the order of their names. */
export type SetValue = (value: number, ...labels: string[]) => void;

/** Adds a metric that is read whenever it is asked for. */
export type AddMetric = (
  name: string,
  help: string,
  labelNames: readonly string[],
  read: (set: SetValue) => void,
) => void;

interface Metric {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly read: (set: SetValue) => void;
}

/**
 * Metrics in the text format of Prometheus (0.0.4). They are read off counters
 * that others keep, so that there is nothing to keep here; a test holds the
 * text against that of prom-client.
 */
export class MetricText {
  static readonly contentType = "text/plain; version=0.0.4; charset=utf-8";

  readonly #metrics: Metric[] = [];

  readonly gauge: AddMetric = (...metric) => this.#add("gauge", ...metric);

  readonly counter: AddMetric = (...metric) => this.#add("counter", ...metric);

  /** What each is, for the documentation. */
  describe(): readonly Omit<Metric, "read">[] {
    return this.#metrics;
  }

  /** All of them as they stand. */
  render(): string {
    return `${this.#metrics.map(renderMetric).join("\n\n")}\n`;
  }

  #add(
    kind: MetricKind,
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (set: SetValue) => void,
  ): void {
    this.#metrics.push({ kind, name, help, labelNames, read });
  }
}

function renderMetric({ name, kind, help, labelNames, read }: Metric): string {
  const lines = [`# HELP ${name} ${escape(help)}`, `# TYPE ${name} ${kind}`];
  read((value, ...labels) => {
    const pairs = labelNames.map(
      (label, index) =>
        `${label}="${escape(labels[index] ?? "").replaceAll('"', '\\"')}"`,
    );
    const set = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
    lines.push(`${name}${set} ${renderNumber(value)}`);
  });
  return lines.join("\n");
}

function renderNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
