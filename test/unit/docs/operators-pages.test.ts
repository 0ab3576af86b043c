import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { errorMeanings } from "../../../scripts/readme/meanings.ts";
import { createMetrics } from "../../../src/admin/metrics.ts";
import { root } from "../../support/built.ts";

const read = (page: string): Promise<string> =>
  readFile(join(root, "docs", page), "utf8");

/** Names and labels of the metrics, those of a cluster included. */
function metrics(): ReadonlyMap<string, readonly string[]> {
  const server = { config: { nats: ["nats://host"] } } as never;
  const known = createMetrics(server, "").describe();
  return new Map(known.map(({ name, labelNames }) => [name, labelNames]));
}

describe("the page of troubles", () => {
  it("says of each error what to look at, and of no other", async () => {
    const page = await read("troubleshooting.md");
    const sections = page.split(/^### /m).slice(1);
    const names = sections.map((section) => section.split("\n")[0]);
    expect(names).toEqual(Object.keys(errorMeanings));
    for (const section of sections) {
      const [, ...said] = section.trim().split("\n");
      expect(said.join("").length).toBeGreaterThan(40);
    }
  });
});

describe("the dashboard and the alarms", () => {
  /** Every expression of Prometheus in both files. */
  async function expressions(): Promise<readonly string[]> {
    const { panels } = JSON.parse(await read("grafana/dashboard.json")) as {
      panels: readonly { targets: readonly { expr: string }[] }[];
    };
    const alarms = await read("grafana/alerts.yaml");
    const rules = alarms.matchAll(/expr: (?:>\n([^]*?)(?=\n {8}\w)|(.+))/g);
    return [
      ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
      ...[...rules].map(([, folded, line]) => folded ?? line ?? ""),
    ];
  }

  it("ask for metrics and labels that there are", async () => {
    const known = metrics();
    const all = await expressions();
    expect(all.length).toBeGreaterThan(30);
    for (const expression of all) {
      const names = expression.match(/\b(?:sluice|process)_\w+/g) ?? [];
      expect([expression, names.length]).not.toEqual([expression, 0]);
      for (const name of names) expect([...known.keys()]).toContain(name);
      const labels = names.flatMap((name) => known.get(name) ?? []);
      const asked = [
        ...expression.matchAll(/[{,]\s*(\w+)\s*(?:=|!=|=~|!~)"/g),
        ...[...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(
          ([, list = ""]) =>
            list.split(/,\s*/).map((label) => ["", label] as const),
        ),
      ];
      const strange = asked
        .map(([, label = ""]) => label)
        .filter((label) => !["instance", ...labels].includes(label));
      expect([expression, strange]).toEqual([expression, []]);
    }
  });

  it("show every metric of connections, shards and the ledger somewhere", async () => {
    const all = (await expressions()).join("\n");
    const left = [...metrics().keys()].filter((name) => !all.includes(name));
    expect(left.filter((name) => /connections|shard|ended/.test(name))).toEqual(
      [
        // What goes out of one comes into another.
        "sluice_connections_moved_out_total",
        "sluice_connections_movable",
        "sluice_shard_accepting",
      ],
    );
  });
});
