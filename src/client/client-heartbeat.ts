/** The subprotocol of a Sluice whose heartbeat is to be heard. */
export const SLUICE_V1 = "sluice.v1";

/** A tick may be so much later than its interval. */
const HEARTBEAT_LATE_MS = 5_000;

/** The first message of a server that speaks {@link SLUICE_V1}. */
export interface Greeting {
  /** Between two ticks; 0 where there are none. */
  readonly heartbeatMs: number;
  /** In its ticks and in our probes, and in nothing else. */
  readonly token: string;
}

/**
 * @param data - The first message of a connection.
 * @param protocol - The subprotocol that its server has chosen.
 * @returns `undefined` where that has no heartbeat for us
 */
export function greetingIn(
  data: unknown,
  protocol: string,
): Greeting | undefined {
  const [, heartbeatMs, token] = /^\^ (\d+) (\S+)/.exec(data as string) ?? [];
  return protocol === SLUICE_V1 && token !== undefined
    ? { heartbeatMs: Number(heartbeatMs), token }
    : undefined;
}

/** Silence that is nothing unusual, in milliseconds. */
export function quietMsOf({ heartbeatMs }: Partial<Greeting> = {}): number {
  return heartbeatMs ? heartbeatMs + HEARTBEAT_LATE_MS : 30_000;
}
