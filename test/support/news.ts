import { randomUUID } from "node:crypto";
import { BroadcastChannel } from "node:worker_threads";
import { onTestFinished } from "vitest";
import { within } from "./within.ts";

/** What a hook of the service told. */
export type News = Readonly<Record<string, unknown>>;

/** What the hooks of connections with `?news=` tell, for one test. */
export interface NewsChannel {
  /** For the query: `` `/echo?${news.query}` ``. */
  readonly query: string;
  readonly all: readonly News[];
  /** Waits for the n-th news of a hook, counted from 1. */
  of(hook: string, count?: number, patienceMs?: number): Promise<News>;
}

/** Listens to the hooks of the tests' service, in servers of this process. */
export function listenToNews(): NewsChannel {
  const name = `news-${randomUUID()}`;
  const channel = new BroadcastChannel(name);
  onTestFinished(() => channel.close());
  const all: News[] = [];
  let wake = (): void => {};
  channel.addEventListener("message", (event) => {
    all.push((event as MessageEvent).data as News);
    wake();
  });
  const find = async (hook: string, count: number): Promise<News> => {
    for (;;) {
      const found = all.filter((news) => news["hook"] === hook)[count - 1];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    query: `news=${name}`,
    all,
    of: async (hook, count = 1, patienceMs) =>
      await within(`the hook ${hook}`, find(hook, count), patienceMs),
  };
}
