import type {
  InspectResult,
  InspectRequest,
} from "../protocol/inspection-messages.ts";
import { resultShapes } from "../protocol/inspection-shapes.ts";
import type { InspectedShard } from "./inspected-server.ts";

const ANSWER_DEADLINE_MS = 2_000;

/** A shard did not answer: it is blocked, or its thread has ended. */
export class Unanswered extends Error {
  readonly shard: number;

  constructor(shard: number) {
    super(`shard ${shard} does not answer: its event loop is blocked or gone`);
    this.shard = shard;
  }
}

interface Pending {
  readonly type: InspectRequest["type"];
  readonly shard: number;
  readonly resolve: (findings: InspectResult[InspectRequest["type"]]) => void;
  readonly reject: (error: Unanswered) => void;
  readonly timer: NodeJS.Timeout;
}

/** Questions to the shards that wait for an answer. */
export class InspectRequests {
  readonly #pending = new Map<number, Pending>();
  #count = 0;

  /**
   * Asks one shard.
   *
   * @throws Unanswered after two seconds, or when its thread ends.
   */
  ask<Type extends InspectRequest["type"]>(
    shard: InspectedShard,
    request: Extract<InspectRequest, { type: Type }>,
  ): Promise<InspectResult[Type]> {
    const { promise, resolve, reject } =
      Promise.withResolvers<InspectResult[InspectRequest["type"]]>();
    const id = ++this.#count;
    const timer = setTimeout(() => {
      this.#pending.delete(id);
      reject(new Unanswered(shard.index));
    }, ANSWER_DEADLINE_MS);
    if (shard.state === "terminated") {
      clearTimeout(timer);
      reject(new Unanswered(shard.index));
    } else {
      const { type } = request;
      this.#pending.set(id, {
        type,
        shard: shard.index,
        resolve,
        reject,
        timer,
      });
      shard.post({ type: "inspect", id, request });
    }
    // A shard answers a request with the findings of its type.
    return promise as Promise<InspectResult[Type]>;
  }

  /** Asks several: who does not answer in time is named, and the others count. */
  async askAll<Type extends InspectRequest["type"]>(
    shards: readonly InspectedShard[],
    request: Extract<InspectRequest, { type: Type }>,
  ): Promise<{
    readonly answers: readonly {
      readonly shard: number;
      readonly findings: InspectResult[Type];
    }[];
    readonly unanswered: readonly number[];
  }> {
    const settled = await Promise.allSettled(
      shards.map(async (shard) => ({
        shard: shard.index,
        findings: await this.ask<Type>(shard, request),
      })),
    );
    const answers = [];
    const unanswered: number[] = [];
    for (const each of settled) {
      if (each.status === "fulfilled") answers.push(each.value);
      else if (each.reason instanceof Unanswered)
        unanswered.push(each.reason.shard);
      else throw each.reason;
    }
    return { answers, unanswered };
  }

  answered(id: number, findings: InspectResult[InspectRequest["type"]]): void {
    const pending = this.#pending.get(id);
    // An answer to something else is none.
    if (pending === undefined || !resultShapes[pending.type](findings)) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    pending.resolve(findings);
  }

  /** The shard's thread is gone, and with it what it was asked. */
  forget(shard: number): void {
    for (const [id, pending] of this.#pending) {
      if (pending.shard !== shard) continue;
      this.#pending.delete(id);
      clearTimeout(pending.timer);
      pending.reject(new Unanswered(shard));
    }
  }
}
