import { randomUUID } from "node:crypto";
import { BroadcastChannel } from "node:worker_threads";

/** What shards tell of their handlers. */
export type WatchNews =
  | {
      readonly kind: "given";
      /** Of the upgrade: by it the client is known. */
      readonly key: string | undefined;
      readonly data: Uint8Array;
    }
  | {
      readonly kind: "threw";
      readonly hook: string;
      /** Of the connection, where the hook has one. */
      readonly id: string | undefined;
      readonly error: string;
    };

/** What is done to a shard. */
export type WatchOrder =
  | { readonly kind: "crash"; readonly shard: number; readonly error: Error }
  | { readonly kind: "block"; readonly shard: number; readonly ms: number };

/** Both directions of the channel between the test and its shards. */
export type WatchMessage = WatchNews | WatchOrder;

/** Watches the handlers of one server in all of its threads. */
export class Watch {
  readonly #name = `sluice-perform-${randomUUID()}`;
  readonly #channel = new BroadcastChannel(this.#name);

  constructor(onNews: (news: WatchNews) => void) {
    this.#channel.addEventListener("message", (event) => {
      const { data: message } = event as unknown as { data: WatchMessage };
      if (message.kind === "given" || message.kind === "threw") onNews(message);
    });
    this.#channel.unref();
  }

  /** The module that stands in for the handlers, in the threads of the server. */
  moduleFor(handlers: URL): string {
    const given = [handlers.href, this.#name].map((text) =>
      JSON.stringify(text),
    );
    const source = `import { watchedHandlers } from ${JSON.stringify(STAND_IN)};
      export default await watchedHandlers(${given.join(", ")});`;
    return `data:text/javascript,${encodeURIComponent(source)}`;
  }

  order(order: WatchOrder): void {
    this.#channel.postMessage(order);
  }

  end(): void {
    this.#channel.close();
  }
}

/** In the sources as in what is built of them. */
const STAND_IN = import.meta.url.replace(
  /watch(?=\.[jt]s$)/,
  "watched-handlers",
);
