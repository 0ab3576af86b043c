import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterAll, onTestFinished } from "vitest";
import type { ChannelName } from "../../src/index.ts";
import { within } from "./within.ts";

/** A message of a diagnostics channel. */
export type Message = Readonly<Record<string, unknown>>;

/** What a channel says, from now to the end of the test. */
export interface Overheard {
  readonly messages: readonly Message[];
  /** Forgets what was said so far. */
  clear(): void;
  /** The first message with these fields, past or to come. */
  said(fields: Message, patienceMs?: number): Promise<Message>;
}

/**
 * Listens to a channel in this thread. Call it before `serve`, so that the
 * shards pass on what they say.
 *
 * @param extent - To the end of the test, or of the `describe` that it is called in.
 */
export function overhear(
  name: ChannelName,
  extent: "test" | "suite" = "test",
): Overheard {
  const messages: Message[] = [];
  const waiting = new Set<() => void>();
  const listen = (message: unknown): void => {
    messages.push(message as Message);
    for (const wake of [...waiting]) wake();
  };
  subscribe(name, listen);
  const stop = (): void => void unsubscribe(name, listen);
  if (extent === "test") onTestFinished(stop);
  else afterAll(stop);
  return {
    messages,
    clear() {
      messages.length = 0;
    },
    async said(fields, patienceMs) {
      const find = (): Message | undefined =>
        messages.find((message) =>
          Object.entries(fields).every(
            ([key, value]) => message[key] === value,
          ),
        );
      const found = find();
      if (found !== undefined) return found;
      const { promise, resolve } = Promise.withResolvers<Message>();
      const look = (): void => {
        const message = find();
        if (message !== undefined) resolve(message);
      };
      waiting.add(look);
      try {
        const what = `${name} to say ${JSON.stringify(fields)}`;
        return await within(what, promise, patienceMs);
      } finally {
        waiting.delete(look);
      }
    },
  };
}
