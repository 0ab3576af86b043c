import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Config } from "../../config.ts";
import type { InstanceFacts } from "./engine.ts";

/** A name that no other instance has, and that says where this one runs. */
export function nameInstance(): string {
  const host = hostname().replaceAll(/[^\w-]/g, "-");
  return `${host}-${process.pid}-${randomBytes(3).toString("hex")}`;
}

const { version } = JSON.parse(
  readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
) as { version: string };

/** A server, as far as others are told of it. */
interface DescribedServer {
  readonly config: Config;
  readonly address: { readonly host: string; readonly port: number };
  readonly machineState: string;
  stats(): {
    readonly connections: number;
    readonly shards: readonly { readonly utilization: number }[];
  };
}

/** What the other instances are told of a server. */
export function describeInstance(server: DescribedServer): InstanceFacts {
  const { host, port } = server.address;
  const { shards, connections } = server.stats();
  // Others cannot reach "every interface".
  const isWildcard = host === "0.0.0.0" || host === "::";
  return {
    address: `${isWildcard ? hostname() : host}:${port}`,
    version,
    state: server.machineState,
    workers: shards.length,
    connections,
    utilization: Math.max(0, ...shards.map(({ utilization }) => utilization)),
    acceptRate: server.config.acceptRate,
  };
}
