import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describeForeign } from "../foreign-value.ts";
import { type ChannelName, channels } from "../protocol/channels.ts";
import { type Message, ruleOf, sayMessage } from "../protocol/log-rules.ts";
import type { Happening } from "./api.ts";

/** So many of the last are kept. */
const MAX_HAPPENINGS = 200;
const MAX_TEXT_LENGTH = 500;
const MAX_ERROR_LENGTH = 4_000;

/**
 * What is kept. Single connections are not: for a channel with a subscriber,
 * shards send main a message each time.
 */
const kept: readonly ChannelName[] = [
  channels.server,
  channels.shard,
  channels.handlerError,
  channels.originRefused,
  channels.cluster,
  channels.tls,
  channels.handover,
];

/** The last things that have happened, in a ring: also while nobody looks. */
export class EventLog {
  readonly #now: () => number;
  readonly #onHappened: (happening: Happening) => void;
  /** By kind where many are told as one, else by its number; the latest is last. */
  readonly #ring = new Map<string, Happening>();
  readonly #listeners = kept.map((channel) => {
    const listener = (message: unknown): void => this.#take(channel, message);
    return [channel, listener] as const;
  });
  #lastId = 0;

  constructor(
    onHappened: (happening: Happening) => void,
    now: () => number = Date.now,
  ) {
    this.#onHappened = onHappened;
    this.#now = now;
  }

  get all(): readonly Happening[] {
    return [...this.#ring.values()];
  }

  start(): void {
    for (const [channel, listener] of this.#listeners)
      subscribe(channel, listener);
  }

  stop(): void {
    for (const [channel, listener] of this.#listeners)
      unsubscribe(channel, listener);
  }

  #take(channel: ChannelName, message: unknown): void {
    if (typeof message !== "object" || message === null) return;
    // Of users' code, and so not to be trusted to let itself be read.
    const { error: thrown } = message as Message;
    const error = thrown === undefined ? undefined : describeForeign(thrown);
    const said: Message = { ...message, error };
    const [level, text, kindOf] = ruleOf(channel, said);
    const { event, shard } = said;
    const id = ++this.#lastId;
    const at = this.#now();
    const kind =
      kindOf === undefined
        ? String(id)
        : `${channel} ${String(event)} ${kindOf(said)}`.slice(
            0,
            MAX_TEXT_LENGTH,
          );
    const before = this.#ring.get(kind);
    const happening: Happening = {
      id,
      kind,
      at,
      firstAt: before?.firstAt ?? at,
      count: (before?.count ?? 0) + 1,
      level,
      channel,
      event: typeof event === "string" ? event.slice(0, MAX_TEXT_LENGTH) : "",
      shard: typeof shard === "number" ? shard : undefined,
      text: sayMessage(text, said).slice(0, MAX_TEXT_LENGTH),
      error: (error?.stack ?? error?.message)?.slice(0, MAX_ERROR_LENGTH),
    };
    this.#ring.delete(kind);
    this.#ring.set(kind, happening);
    const [oldest] = this.#ring.keys();
    if (this.#ring.size > MAX_HAPPENINGS && oldest !== undefined)
      this.#ring.delete(oldest);
    this.#onHappened(happening);
  }
}
