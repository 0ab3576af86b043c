import { connectionEvents, connectionMachine } from "./connection-machine.ts";
import { buildTransitionTable } from "./transition-table.ts";

/** The connection machine, evaluated: what shards run, and the order in which states and edges are counted. */
export const connectionTable = buildTransitionTable(
  connectionMachine,
  connectionEvents,
);
