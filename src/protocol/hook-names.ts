/** The hooks of a service; see `Handlers`. */
export const hookNames = [
  "started",
  "authorize",
  "request",
  "opened",
  "message",
  "dropped",
  "draining",
  "suspend",
  "resume",
  "closed",
] as const;
export type HookName = (typeof hookNames)[number];

/**
 * Connections by how they have come to a thread. Who has moved there had been
 * served elsewhere; whoever is new is a stranger, and may have come to do harm.
 */
export const cohorts = ["moved", "new"] as const;
export type Cohort = (typeof cohorts)[number];

/** How many connections had a hook that failed, by the first one that did. */
export type HookFailures = Record<HookName, number>;
