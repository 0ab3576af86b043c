import client from "./charts/client.json" with { type: "json" };
import type { Chart } from "./layout.ts";
import { type PackedChart, unpack } from "./packed.ts";

/** The drawing of the client's machine, apart from the server's: the inspector's page has no use for it. */
export const clientChart: Chart = unpack(client as unknown as PackedChart);
