import type { Config } from "../config.ts";
import { monotonicNow } from "../protocol/clock.ts";
import { timeUntil } from "./deadlines.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import type { Successor } from "./handover/process-upgrade.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Operations } from "./operations.ts";
import type { ShutdownReport } from "./report.ts";
import {
  narrowShutdown,
  type ShutdownOptions,
  type ShutdownOrder,
} from "./shutdown-options.ts";

/** Who takes part in a shutdown. */
export interface ShutdownRequestsHost {
  readonly config: Config;
  readonly lifecycle: Lifecycle;
  readonly operations: Operations;
  /** From which this process takes over, or has. */
  readonly predecessor: Predecessor | undefined;
}

/** Takes requests to end the server, and passes them on to the process before or after that ends with it. */
export class ShutdownRequests {
  readonly #host: ShutdownRequestsHost;

  constructor(host: ShutdownRequestsHost) {
    this.#host = host;
  }

  /** The process that has taken this one's place. */
  get successor(): Successor | undefined {
    const { upgradeUnderWay } = this.#host.operations;
    return upgradeUnderWay?.isCommitted === true ? upgradeUnderWay : undefined;
  }

  shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    try {
      return this.#shutDown(narrowShutdown(options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  force(): void {
    const { lifecycle, operations } = this.#host;
    lifecycle.force();
    operations.upgradeUnderWay?.force();
  }

  callOff(): boolean {
    // Its place is taken.
    if (this.successor !== undefined) return false;
    return this.#host.lifecycle.callOff();
  }

  #shutDown(order: ShutdownOrder): Promise<ShutdownReport> {
    const { config, predecessor } = this.#host;
    const { deadlineMs = config.shutdownDeadlineMs } = order;
    const deadline = monotonicNow() + deadlineMs;
    const leaving = predecessor?.leave(deadlineMs);
    if (leaving === undefined) return this.#shutDownAlone(order);
    const report = leaving.then(() =>
      this.#shutDownAlone({
        ...order,
        deadlineMs: timeUntil(deadline, monotonicNow()),
      }),
    );
    // Those who only await `terminated` need not catch this one.
    report.catch(() => {});
    return report;
  }

  #shutDownAlone(order: ShutdownOrder): Promise<ShutdownReport> {
    const { lifecycle, operations } = this.#host;
    const report = lifecycle.shutdown(order);
    operations.upgradeUnderWay?.stop(order);
    return report;
  }
}
