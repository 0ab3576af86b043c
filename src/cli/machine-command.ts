import { Argument, Option } from "commander";

import type { Chart } from "../diagrams/layout.ts";
import type { AddCommand } from "./context.ts";
import { writeLine } from "./io.ts";

const names = ["connection", "shard", "server", "client"] as const;
const formats = ["svg", "mermaid", "json"] as const;

/** `sluice machine <name>`: needs no server. */
export const addMachineCommand: AddCommand = (program, { io }) => {
  program
    .command("machine")
    .summary("print one of the machines, for documents and other tools")
    .description(
      "Prints one of the machines as a diagram or as JSON, for documents and other tools: needs no server.",
    )
    .addArgument(new Argument("<name>", "which one").choices(names))
    .addOption(
      new Option("--format <FORMAT>", "how")
        .choices(formats)
        .default("mermaid", "mermaid"),
    )
    .action(
      async (
        name: (typeof names)[number],
        { format }: { format: (typeof formats)[number] },
      ) => {
        const text = await renderMachine(name, format);
        await writeLine(io.stdout, text.trimEnd());
      },
    );
};

/** Loaded late, so that help does not wait for the machines. */
async function renderMachine(
  name: (typeof names)[number],
  format: (typeof formats)[number],
): Promise<string> {
  const chart = await loadChart(name);
  switch (format) {
    case "svg": {
      const { renderSvg } = await import("../diagrams/svg.ts");
      return renderSvg(chart);
    }
    case "mermaid": {
      const { renderMermaid } = await import("../diagrams/mermaid.ts");
      return renderMermaid(chart.graph);
    }
    case "json": {
      // As `createMachine` takes it.
      const machines = await import("../machines/index.ts");
      const machine = {
        connection: machines.connectionMachine,
        shard: machines.shardMachine,
        server: machines.serverMachine,
        client: machines.clientMachine,
      }[name];
      return JSON.stringify(machine.config, null, 2);
    }
  }
  return format satisfies never;
}

async function loadChart(name: (typeof names)[number]): Promise<Chart> {
  if (name === "client")
    return (await import("../diagrams/client-chart.ts")).clientChart;
  return (await import("../diagrams/charts.ts")).charts[name];
}
