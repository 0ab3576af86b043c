/** Tells a measured window from one in which others used the same cores. */
import type { Watched, WindowUse } from "./window.ts";

/** Shares of a window above which a measurement counts as disturbed. */
export const disturbanceLimits = {
  /** CPU on the server's core that no process of ours accounts for. */
  foreignServerShare: 0.05,
  /** The same on the load's core, where it matters less. */
  foreignLoadShare: 0.1,
  /** Time that the hypervisor gave to somebody else, on either core. */
  stealShare: 0.02,
} as const;

/**
 * Says in sentences what disturbed a window.
 *
 * @param use - What was used in the window.
 * @param watched - Which cores were whose. Where server and load share a core,
 *   what both used is counted against all their cores together.
 * @returns One sentence for each disturbance; empty when there was none.
 */
export function disturbances(
  use: WindowUse,
  watched: Pick<Watched, "serverCores" | "loadCores">,
): string[] {
  const found: string[] = [];
  const shared = watched.serverCores.some((core) =>
    watched.loadCores.includes(core),
  );
  const ownLoadMicros = use.loadMicros + use.benchMicros;
  if (shared) {
    // The load's cores are among the server's in every set-up that shares.
    report(
      found,
      "the shared cores",
      use.serverCores.busyMicros - use.serverMicros - ownLoadMicros,
      use.elapsedMicros,
      disturbanceLimits.foreignLoadShare,
    );
  } else {
    report(
      found,
      "the server's core",
      use.serverCores.busyMicros - use.serverMicros,
      use.elapsedMicros,
      disturbanceLimits.foreignServerShare,
    );
    report(
      found,
      "the load's core",
      use.loadCores.busyMicros - ownLoadMicros,
      use.elapsedMicros,
      disturbanceLimits.foreignLoadShare,
    );
  }
  const steal = Math.max(
    use.serverCores.stealMicros / watched.serverCores.length,
    use.loadCores.stealMicros / watched.loadCores.length,
  );
  const stealShare = steal / use.elapsedMicros;
  if (stealShare > disturbanceLimits.stealShare) {
    found.push(`the hypervisor took ${percent(stealShare)} of the time`);
  }
  return found;
}

function report(
  found: string[],
  where: string,
  foreignMicros: number,
  elapsedMicros: number,
  limit: number,
): void {
  const share = foreignMicros / elapsedMicros;
  if (share > limit) {
    found.push(`other processes used ${percent(share)} of ${where}`);
  }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
