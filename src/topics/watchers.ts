import { LISTENER, requireArgument } from "../config/arguments.ts";
import type { PresenceEvent, PresenceListener } from "../handlers.ts";
import { presenceTopic } from "./rules.ts";
import type { TopicTable } from "./topic-table.ts";

/** Who asked, in one thread, to be told of joins and leaves. */
export class Watchers {
  readonly #table: TopicTable;
  readonly #column: number;
  readonly #onInterest: (topic: string, isWanted: boolean) => void;
  readonly #onFailure: (error: unknown) => void;
  readonly #listeners = new Map<string, Set<PresenceListener>>();

  /**
   * @param onInterest - Told of the first watcher of a topic, and when the last has gone.
   * @param onFailure - Told what a listener has thrown or rejected with.
   */
  constructor(
    table: TopicTable,
    column: number,
    onInterest: (topic: string, isWanted: boolean) => void,
    onFailure: (error: unknown) => void,
  ) {
    this.#table = table;
    this.#column = column;
    this.#onInterest = onInterest;
    this.#onFailure = onFailure;
  }

  /** @returns what ends the watch */
  add(topic: string, listener: PresenceListener): () => void {
    requireArgument(LISTENER, listener, "watch(): listener");
    const announcements = presenceTopic(topic);
    let listeners = this.#listeners.get(topic);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(topic, listeners);
      this.#table.add(this.#table.slotOf(announcements), this.#column);
      this.#onInterest(announcements, true);
    }
    // Of its own, so that one listener can watch twice.
    const entry: PresenceListener = (event) => listener(event);
    listeners.add(entry);
    return () => {
      if (!listeners.delete(entry) || listeners.size > 0) return;
      this.#listeners.delete(topic);
      this.#table.remove(this.#table.slotOf(announcements), this.#column);
      this.#onInterest(announcements, false);
    };
  }

  tell(event: PresenceEvent): void {
    for (const listener of this.#listeners.get(event.topic) ?? [])
      this.#tellOne(listener, event);
  }

  /** A listener is foreign code: what it does ends neither the others' news nor the thread. */
  #tellOne(listener: PresenceListener, event: PresenceEvent): void {
    try {
      const result: unknown = listener(event);
      if (result instanceof Promise) result.catch(this.#onFailure);
    } catch (error) {
      this.#onFailure(error);
    }
  }
}
