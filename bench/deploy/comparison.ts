/** What clients see of a deployment. */
import { setTimeout as after } from "node:timers/promises";
import type { Contender } from "./contenders.ts";
import { Crowd } from "./crowd.ts";

const QUIET_MS = 2_000;

export interface DeployOptions {
  readonly clients: number;
  readonly intervalMs: number;
}

export interface DeployResult {
  readonly title: string;
  /** By close code; 1006 is an end without a close frame. */
  readonly closes: Readonly<Record<string, number>>;
  /** Sent, and never answered. */
  readonly lost: number;
  /** Replies that were repeated or out of order. */
  readonly wrong: number;
  /** From the beginning of the deployment on; `undefined`: nobody was away. */
  readonly lastBackMs: number | undefined;
  /** Until only the new version was left. */
  readonly tookMs: number;
}

export async function deployTo(
  contender: Contender,
  { clients, intervalMs }: DeployOptions,
): Promise<DeployResult> {
  const { title, wire, path } = contender;
  await using server = await contender.start();
  const habits = { port: server.port, wire, path, intervalMs };
  using crowd = await Crowd.open(clients, habits);
  const { tally } = crowd;
  await after(QUIET_MS);
  const startedAt = performance.now();
  await server.deploy();
  const tookMs = performance.now() - startedAt;
  // Whoever was sent away late has noticed it by then.
  await after(QUIET_MS);
  await crowd.allOpen();
  await crowd.allAnswered();
  return {
    title,
    closes: Object.fromEntries(tally.closes),
    lost: tally.lost,
    wrong: tally.wrong,
    lastBackMs:
      tally.closeCount === 0 ? undefined : tally.lastOpenedAt - startedAt,
    tookMs,
  };
}
