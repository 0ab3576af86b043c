import { execFile } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createMachine } from "xstate";
import { main } from "../../../src/cli/main.ts";
import { charts as serverCharts } from "../../../src/diagrams/charts.ts";
import { clientChart } from "../../../src/diagrams/client-chart.ts";
import { graphOf } from "../../../src/diagrams/graph.ts";
import { connectionTable } from "../../../src/machines/connection-table.ts";
import {
  clientMachine,
  connectionMachine,
  serverMachine,
  shardMachine,
} from "../../../src/machines/index.ts";
import { FakeIo } from "../cli/fake-io.ts";

const machines = {
  connection: connectionMachine,
  shard: shardMachine,
  server: serverMachine,
  client: clientMachine,
};
const charts = { ...serverCharts, client: clientChart };
const names = ["connection", "shard", "server", "client"] as const;

async function print(name: string, format: string): Promise<string> {
  const io = new FakeIo({ args: ["machine", name, "--format", format] });
  expect(await main(io)).toBe(0);
  return io.stdout.text;
}

describe("the drawings of the machines", () => {
  it.each(names)("show the %s machine as it is", (name) => {
    // What has no value is not in a file.
    const graph: unknown = JSON.parse(JSON.stringify(graphOf(machines[name])));
    expect(charts[name].graph).toEqual(graph);
  });

  it("are what the layout makes of the machines, to the last digit", async () => {
    const script = fileURLToPath(
      new URL("../../../scripts/layout-machines.ts", import.meta.url),
    );
    const child = execFile(process.execPath, [script, "--check"]);
    let complaint = "";
    child.stderr?.on("data", (chunk: string) => (complaint += chunk));
    const [status] = (await once(child, "close")) as [number];
    expect([status, complaint]).toEqual([0, ""]);
  }, 30_000);

  it("count every transition of a connection along one edge, save those of a state to itself", () => {
    const { graph, counted } = charts.connection;
    const along = counted.flat();
    expect(new Set(along).size).toBe(along.length);
    const others = connectionTable.edges.filter(
      (_, number) => !along.includes(number),
    );
    expect(
      others.every(({ source, target }) => source === target || source === ""),
    ).toBe(true);
    const index = graph.edges.findIndex(
      ({ source, target }) => source === "open" && target === "closing",
    );
    const numbers = counted[index] ?? [];
    const sources = numbers.map(
      (number) => connectionTable.edges[number]?.source,
    );
    // Each event of the parent is answered in every one of its children.
    const events = graph.edges[index]?.events.length ?? 0;
    const children = graph.states
      .filter(({ parent }) => parent === "open")
      .map(({ id }) => id);
    expect(sources).toHaveLength(events * children.length);
    expect(new Set(sources)).toEqual(new Set(children));
  });

  it.each(names)(
    "leave no state of the %s machine outside the picture",
    (name) => {
      const { placement } = charts[name];
      for (const { x, y, width, height } of placement.states) {
        expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
        expect(x + width).toBeLessThanOrEqual(placement.width);
        expect(y + height).toBeLessThanOrEqual(placement.height);
      }
    },
  );
});

describe("sluice machine", () => {
  it.each(names)(
    "prints %s as SVG with every state and event",
    async (name) => {
      const svg = await print(name, "svg");
      expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
      for (const state of charts[name].graph.states)
        expect(svg).toContain(`>${state.isInitial ? "● " : ""}${state.name}<`);
      for (const { events } of charts[name].graph.edges)
        for (const event of events)
          expect(svg).toContain(`${event.name}</text>`);
    },
  );

  it("prints a Mermaid diagram", async () => {
    const text = await print("connection", "mermaid");
    expect(text).toMatch(/^stateDiagram-v2\n {2}\[\*\] --> upgrading\n/);
    expect(text).toContain(
      '  state "open" as open {\n    [*] --> open_healthy',
    );
    expect(text).toContain("open_probing --> terminated: after pongDeadline");
  });

  it("prints JSON from which XState makes the machine again", async () => {
    const config: unknown = JSON.parse(await print("connection", "json"));
    const again = createMachine(config as Parameters<typeof createMachine>[0]);
    expect(graphOf(again)).toEqual(graphOf(connectionMachine));
  });

  it("refuses a machine that there is not", async () => {
    const io = new FakeIo({ args: ["machine", "toaster"] });
    expect(await main(io)).toBe(2);
    expect(io.stderr.text).toContain("Allowed choices are connection, shard");
  });
});
