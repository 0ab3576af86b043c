import connection from "./charts/connection.json" with { type: "json" };
import server from "./charts/server.json" with { type: "json" };
import shard from "./charts/shard.json" with { type: "json" };
import type { Chart } from "./layout.ts";
import { type PackedChart, unpack } from "./packed.ts";

/**
 * The drawings of the three machines, laid out at build time. What the compiler
 * reads off the files is wider than what the layout script writes.
 */
const packed = { connection, shard, server } as unknown as Readonly<
  Record<"connection" | "shard" | "server", PackedChart>
>;

export const charts: Readonly<Record<keyof typeof packed, Chart>> = {
  connection: unpack(packed.connection),
  shard: unpack(packed.shard),
  server: unpack(packed.server),
};
