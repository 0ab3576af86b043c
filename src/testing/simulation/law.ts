import type { Config } from "../../config.ts";
import type { ShutdownReport } from "../../main/report.ts";
import type { Monitor } from "./monitor.ts";
import type { SimCaller } from "./sim-caller.ts";
import type { SimClient } from "./sim-client.ts";
import type { SimInstance } from "./sim-instance.ts";
import type { SimNats } from "./sim-nats.ts";

/** A law that was broken, and by what. */
export interface Breach {
  readonly law: string;
  readonly what: string;
}

/** All that is known at the end of a simulated life. */
export interface Life {
  readonly config: Config;
  readonly monitor: Monitor;
  readonly clients: readonly SimClient[];
  /** Of inspectors. */
  readonly callers: readonly SimCaller[];
  readonly instances: readonly SimInstance[];
  /** Of each instance that has ended; in order. */
  readonly reports: readonly ShutdownReport[];
  readonly uncaught: readonly unknown[];
  readonly timersLeft: readonly string[];
  readonly nats: SimNats | undefined;
}

export type Law = (life: Life) => Iterable<string>;
