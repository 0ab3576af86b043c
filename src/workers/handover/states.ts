import { connectionTable } from "../../machines/connection-table.ts";
import type { TableState } from "../../machines/transition-table.ts";

/** Where a connection is in the machine while it changes threads. */
export const movingState = connectionTable.states.find(
  ({ name }) => name === "open.moving",
) as TableState;

/**
 * What handlers see on the object that a connection has left behind in its old
 * thread: it takes nothing and sends nothing. No state of the machine, which
 * lives on elsewhere.
 */
export const departed: TableState = {
  name: "departed",
  index: -1,
  isFinal: true,
  tags: new Set(),
  delayEvent: undefined,
  steps: new Map(),
};
