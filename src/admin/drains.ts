import { aside } from "../main/aside.ts";
import type { Drain, NarrowedTarget } from "../main/drain.ts";
import type { DrainStatus } from "./api.ts";
import { CallError } from "./call-error.ts";

const KEPT_DONE = 8;

interface Known {
  readonly drain: Drain;
  status: DrainStatus;
}

/** The drains that were asked for here: those under way and the last few that are done. */
export class DrainLog {
  readonly #known: Known[] = [];
  readonly #onDone: () => void;
  #count = 0;

  constructor(onDone: () => void) {
    this.#onDone = onDone;
  }

  get statuses(): readonly DrainStatus[] {
    return this.#known.map(({ status }) => status);
  }

  add(drain: Drain, target: NarrowedTarget): DrainStatus {
    const status: DrainStatus = {
      id: ++this.#count,
      isMove: target.move === true,
      startedAt: Date.now(),
      shard: target.shard,
      pathPrefix: target.pathPrefix,
      olderThanMs: target.olderThanMs,
      report: undefined,
    };
    const known: Known = { drain, status };
    this.#known.push(known);
    aside(
      drain.done.then((report) => {
        known.status = { ...status, report };
        this.#forgetOld();
        this.#onDone();
      }),
      "showing a drain",
    );
    return status;
  }

  /** @throws CallError 404. */
  find(id: number): DrainStatus {
    return this.#find(id).status;
  }

  /** @throws CallError 404. */
  callOff(id: number): void {
    this.#find(id).drain.callOff();
  }

  #find(id: number): Known {
    const known = this.#known.find(({ status }) => status.id === id);
    if (known === undefined)
      throw new CallError(404, `there is no drain ${id}`);
    return known;
  }

  #forgetOld(): void {
    const done = this.#known.filter(
      ({ status }) => status.report !== undefined,
    );
    for (const old of done.slice(0, -KEPT_DONE))
      this.#known.splice(this.#known.indexOf(old), 1);
  }
}
