import connection from "./charts/connection.json" with { type: "json" };
import server from "./charts/server.json" with { type: "json" };
import shard from "./charts/shard.json" with { type: "json" };
import type { Chart } from "./layout.ts";

/**
 * The drawings of the three machines, laid out at build time. What the compiler
 * reads off the files is wider than what the layout script writes.
 */
export const charts = { connection, shard, server } as unknown as Readonly<
  Record<"connection" | "shard" | "server", Chart>
>;
