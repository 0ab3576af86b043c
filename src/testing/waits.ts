import type { Speaker } from "./speaker.ts";

/** A client waits no longer than this for what it was promised; virtual time. */
export const PATIENCE_MS = 60_000;

/** Lets time pass until something holds. */
export interface Waits {
  /** Resolves with `false` when it did not come about in time. */
  until(isDone: () => boolean, withinMs?: number): Promise<boolean>;
}

/** @throws Error when it does not come about in time */
export async function untilItHolds(
  waits: Waits,
  condition: () => boolean,
  withinMs: number,
): Promise<void> {
  if (!(await waits.until(condition, withinMs)))
    throw new Error(
      `it did not come about within ${withinMs} ms: ${String(condition)}`,
    );
}

/** @throws Error when its upgrade is refused, or nobody answers it */
export async function untilOpen(
  waits: Waits,
  client: Speaker,
  withinMs: number,
): Promise<void> {
  await waits.until(() => client.status !== 0 || client.isOver, withinMs);
  if (client.status !== 101)
    throw new Error(
      client.status === 0
        ? `${client.name} was not answered`
        : `${client.name} was refused: the answer to ${client.path} was ${client.status}`,
    );
}
