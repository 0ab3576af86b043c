import { Counter, Gauge, Registry } from "prom-client";
import { describe, expect, it } from "vitest";

import { MetricText } from "../../../src/admin/metric-text.ts";

describe("the text of the metrics", () => {
  it("is that of prom-client", async () => {
    const registry = new Registry();
    const registers = [registry];
    const ours = new MetricText();

    const help = "With a \\ and\na break.";
    new Gauge({ name: "plain", help, registers }).set(1.5e-9);
    ours.gauge("plain", help, [], (set) => set(1.5e-9));

    const strange = 'a "quoted"\\\nlabel';
    const both = { name: "labelled_total", help: "Two.", registers };
    const theirs = new Counter({ ...both, labelNames: ["shard", "what"] });
    theirs.labels("0", strange).inc(7);
    theirs.labels("1", "").inc(1e21);
    ours.counter("labelled_total", "Two.", ["shard", "what"], (set) => {
      set(7, "0", strange);
      set(1e21, "1", "");
    });

    const levels = new Gauge({
      name: "levels",
      help: "Levels.",
      labelNames: ["of"],
      registers,
    });
    levels.labels("up").set(Infinity);
    levels.labels("down").set(-Infinity);
    ours.gauge("levels", "Levels.", ["of"], (set) => {
      set(Infinity, "up");
      set(-Infinity, "down");
    });

    const none = { name: "empty", help: "None.", labelNames: ["of"] };
    registry.registerMetric(new Gauge({ ...none, registers: [] }));
    ours.gauge("empty", "None.", ["of"], () => undefined);

    expect(ours.render()).toBe(await registry.metrics());
    expect(MetricText.contentType).toBe(registry.contentType);
  });

  it("has no line for what is not known", () => {
    const ours = new MetricText();
    ours.gauge("left_seconds", "Left.", [], () => undefined);
    expect(ours.render()).toBe(
      "# HELP left_seconds Left.\n# TYPE left_seconds gauge\n",
    );
  });
});
