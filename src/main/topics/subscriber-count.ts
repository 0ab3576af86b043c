import type { TopicTable } from "../../topics/topic-table.ts";
import type { SubscriberTally } from "../cluster/engine.ts";
import type { Fleet } from "../shards/fleet.ts";

/** A shard or instance that has not answered by then is not counted. */
export const COUNT_DEADLINE_MS = 1_000;

interface Question {
  /** Shards whose answers are awaited. */
  readonly waiting: Set<number>;
  count: number;
  readonly settle: (isComplete: boolean) => void;
}

/** Counts the subscribers of topics over the shards that have some. */
export class SubscriberCounts {
  readonly #fleet: Fleet;
  readonly #table: TopicTable;
  readonly #questions = new Map<number, Question>();
  #asked = 0;

  constructor(fleet: Fleet, table: TopicTable) {
    this.#fleet = fleet;
    this.#table = table;
  }

  count(topic: string): Promise<SubscriberTally> {
    const slot = this.#table.slotOf(topic);
    const asked = this.#fleet.all.filter(({ index }) =>
      this.#table.has(slot, index),
    );
    const request = ++this.#asked;
    return new Promise((resolve) => {
      const timer = setTimeout(() => question.settle(false), COUNT_DEADLINE_MS);
      const question: Question = {
        waiting: new Set(asked.map(({ index }) => index)),
        count: 0,
        settle: (isComplete) => {
          clearTimeout(timer);
          this.#questions.delete(request);
          resolve({ count: question.count, isComplete });
        },
      };
      this.#questions.set(request, question);
      for (const shard of asked)
        shard.post({ type: "count-subscribers", request, topic });
      if (asked.length === 0) question.settle(true);
    });
  }

  answered(shard: number, request: number, count: number): void {
    const question = this.#questions.get(request);
    if (!question?.waiting.delete(shard)) return;
    question.count += count;
    if (question.waiting.size === 0) question.settle(true);
  }

  /** The shard is gone, and its subscribers are none. */
  forget(shard: number): void {
    for (const request of [...this.#questions.keys()])
      this.answered(shard, request, 0);
  }
}
