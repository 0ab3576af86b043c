import type {
  NamedAction,
  TableState,
} from "../../src/machines/transition-table.ts";

/** A transition as the runner tells it, in the words of the laws. */
export function asMove(
  event: string,
  source: TableState | undefined,
  target: TableState,
  actions: readonly NamedAction[],
) {
  return {
    source: source?.name ?? "",
    event,
    target: target.name,
    verbs: actions.map(({ type, params }) => ({
      type,
      params: params as Record<string, unknown> | undefined,
    })),
    // The runner arms and cancels: differential tests look at that.
    cancels: source?.delayEvent === undefined ? 0 : 1,
    arms: target.delayEvent === undefined ? [] : [target.delayEvent],
    isIgnored: false,
  };
}
