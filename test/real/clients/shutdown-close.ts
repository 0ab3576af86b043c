/** What a client saw of its connection's end. */
export interface ShutdownClose {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** What every client is told at a shutdown: when to come back, in milliseconds. */
export const RETRY_TIME = /^retry-after-ms=\d+$/;
