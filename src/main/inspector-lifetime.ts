import { channel } from "node:diagnostics_channel";
import { setTimeout as after } from "node:timers/promises";
import type { Config } from "../config.ts";
import { channels } from "../protocol/channels.ts";
import { monotonicNow } from "../protocol/clock.ts";
import type { InspectionShardMessage } from "../protocol/messages.ts";
import { aside } from "./aside.ts";
import { POLL_MS, settledWithin } from "./deadlines.ts";
import {
  type AdminAddress,
  type Inspector,
  isSameAdmin,
  type ListeningAdmin,
  type PassedAdmin,
} from "./inspector.ts";
import type { ShutdownReport } from "./report.ts";

/** The process before may take so long to let go of the inspector's port. */
const ADMIN_PAUSE_MS = 1_000;
/** Of a process that was killed, its sockets are gone by then. */
const ADMIN_PATIENCE_MS = 10_000;

/** What the inspector asks of the server that it belongs to. */
export interface InspectorHost {
  readonly config: Config;
  readonly lifecycle: { readonly isStopping: boolean };
}

/** The inspector of a server: from when it is opened until the report, where there is one at all. */
export class InspectorLifetime {
  readonly #host: InspectorHost;
  readonly #open:
    ((inherited?: ListeningAdmin) => Promise<Inspector>) | undefined;
  #inspector: Inspector | undefined;

  /** @param open - With the listening socket of the process before, where there is one; `undefined` when it is off. */
  constructor(
    host: InspectorHost,
    open: ((inherited?: ListeningAdmin) => Promise<Inspector>) | undefined,
  ) {
    this.#host = host;
    this.#open = open;
  }

  /** Where it is reached. */
  get address(): AdminAddress | undefined {
    return this.#inspector?.address;
  }

  /** @throws SluiceError `ERR_SLUICE_ADMIN` when it cannot listen. */
  async open(inherited?: ListeningAdmin): Promise<void> {
    if (this.#open === undefined || this.#host.lifecycle.isStopping)
      aside(inherited?.handle.close(), "closing a socket");
    else this.#inspector = await this.#open(inherited);
  }

  /**
   * Opens it behind the process before. Where it is to listen elsewhere, the port
   * may be taken for a moment.
   *
   * @param isGone - Resolves when that process has ended.
   */
  async openBehind(
    isGone: Promise<void>,
    inherited: ListeningAdmin | undefined,
  ): Promise<void> {
    try {
      if (inherited === undefined) await this.#openOnceFree();
      else if (isSameAdmin(this.#host.config, inherited))
        await this.open(inherited);
      else {
        aside(inherited.handle.close(), "closing a socket");
        await settledWithin(isGone, ADMIN_PAUSE_MS);
        await this.open();
      }
    } catch (error) {
      channel(channels.server).publish({ event: "admin-absent", error });
    }
  }

  /** Takes what a shard has found, or tells of a connection that is followed. */
  take(shard: number, message: InspectionShardMessage): void {
    this.#inspector?.take(shard, message);
  }

  shardLost(shard: number): void {
    this.#inspector?.shardLost(shard);
  }

  /** Its listening socket, on which this process accepts no more; `undefined` where there is none. */
  passOn(): PassedAdmin | undefined {
    return this.#inspector?.passOn();
  }

  /** Resolves when whoever looks has heard of the end. */
  async end(report: ShutdownReport | undefined): Promise<void> {
    await this.#inspector?.end(report);
  }

  /** The process before was killed: the system takes a moment to clear its port. */
  async #openOnceFree(): Promise<void> {
    const until = monotonicNow() + ADMIN_PATIENCE_MS;
    for (;;) {
      try {
        return await this.open();
      } catch (error) {
        if (monotonicNow() > until) throw error;
        await after(POLL_MS);
      }
    }
  }
}
