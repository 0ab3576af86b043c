import type { InstanceEntry } from "../index.ts";
import { SluiceError } from "../errors.ts";
import type { AddCommand } from "./context.ts";
import { addFlags, readFlags } from "./flags.ts";
import { writeLine } from "./io.ts";
import { serveRows } from "./option-rows.ts";
import { readSettings } from "./settings.ts";
import { formatAge, renderTable } from "./text-table.ts";

/** What options of an instance mean to those who look for the others. */
const meanings: Readonly<Record<string, string>> = {
  nats: "NATS servers of the cluster",
  clusterName: "its name [default]",
  config: "the same from the config file of an instance",
};

/** What says where the cluster is; the rest of its options is for instances. */
const rows = serveRows
  .filter(
    ({ key }) =>
      key.startsWith("nats") || key === "clusterName" || key === "config",
  )
  .map((row) => ({
    ...row,
    description: meanings[row.key] ?? row.description,
  }));

/** `sluice cluster` */
export const addClusterCommand: AddCommand = (program, { io }) => {
  const command = program
    .command("cluster")
    .summary("the instances of a cluster, as they tell it")
    .description(
      "Lists the instances of a cluster, as each has put itself down in the registry on NATS: needs no server, only NATS.",
    );
  addFlags(command, rows);
  command.option("--json", "as JSON, for programs").action(async () => {
    const flags = new Map(readFlags(command, rows));
    const { config } = await readSettings(flags, io);
    if (config.nats.length === 0)
      throw new SluiceError(
        "ERR_SLUICE_OPTION",
        "--nats: got nothing, takes the NATS servers of the cluster, such as nats://127.0.0.1:4222",
      );
    const { listInstances } = await import("../main/cluster/list-instances.ts");
    const instances = await listInstances(config);
    const isJson = command.opts<{ json?: true }>().json === true;
    await writeLine(
      io.stdout,
      isJson
        ? JSON.stringify(instances)
        : renderInstances(instances, Date.now()),
    );
  });
};

/** One line for each instance. */
export function renderInstances(
  instances: readonly InstanceEntry[],
  now: number,
): string {
  if (instances.length === 0) return "no instance is running";
  return renderTable(
    [
      { title: "instance" },
      { title: "address" },
      { title: "state" },
      { title: "version" },
      { title: "up", isNumber: true },
      { title: "connections", isNumber: true },
      { title: "busy", isNumber: true },
      { title: "accepts a second", isNumber: true },
    ],
    instances.map((instance) => [
      instance.id,
      instance.address,
      instance.state,
      instance.version,
      formatAge(Math.max(0, now - instance.startedAt)),
      String(instance.connections),
      `${Math.round(instance.utilization * 100)} %`,
      String(instance.acceptRate),
    ]),
  );
}
