/**
 * Stands in for the handlers of a server on real threads: tells what they are
 * given and what they throw, and does to their thread what a script asks for.
 */
import { BroadcastChannel } from "node:worker_threads";
import { sayForeign } from "../../foreign-value.ts";
import type { Connection, Handlers, HandlerShard } from "../../handlers.ts";
import { hookNames } from "../../protocol/hook-names.ts";
import { loadHandlers } from "../../workers/load-handlers.ts";
import type { WatchMessage, WatchNews, WatchOrder } from "./watch.ts";

type Run = (...given: unknown[]) => unknown;

/**
 * The handlers of a module, watched in this thread.
 *
 * @param channelName - Where what happens to them is told.
 * @throws SluiceError `ERR_SLUICE_HANDLERS` as for handlers that nobody watches.
 */
export async function watchedHandlers(
  module: string,
  channelName: string,
): Promise<Handlers> {
  const handlers = await loadHandlers(module);
  const channel = new BroadcastChannel(channelName);
  // Its thread may end.
  channel.unref();
  return watch(handlers, channel);
}

function watch(handlers: Handlers, channel: BroadcastChannel): Handlers {
  const tell = (news: WatchNews): void => channel.postMessage(news);
  // What is no hook, such as the actors of a machine, is found behind it.
  const watched = Object.create(handlers) as Record<string, Run>;
  for (const hook of hookNames) {
    const run = handlers[hook] as Run | undefined;
    if (run === undefined) continue;
    watched[hook] = (...given) => {
      if (hook === "message") tell(givenIn(given as [Connection, Buffer]));
      const threw = (error: unknown): void =>
        tell({
          kind: "threw",
          hook,
          id: idIn(given),
          error: sayForeign(error),
        });
      try {
        const result = run.apply(handlers, given);
        // The shard has to see the promise itself.
        if (result instanceof Promise) result.then(undefined, threw);
        return result;
      } catch (error) {
        threw(error);
        throw error;
      }
    };
  }
  const { started } = watched;
  watched["started"] = (shard) => {
    obey(shard as HandlerShard, channel);
    return started?.(shard);
  };
  return watched;
}

function givenIn([{ request }, data]: [Connection, Buffer]): WatchNews {
  return { kind: "given", key: request.headers["sec-websocket-key"], data };
}

function idIn([first]: readonly unknown[]): string | undefined {
  return (first as { id?: string } | undefined)?.id;
}

function obey({ index }: HandlerShard, channel: BroadcastChannel): void {
  channel.addEventListener("message", (event) => {
    const { data: order } = event as unknown as { data: WatchMessage };
    if ("shard" in order && order.shard === index) act(order);
  });
}

function act(order: WatchOrder): void {
  if (order.kind === "block") {
    const never = new Int32Array(new SharedArrayBuffer(4));
    Atomics.wait(never, 0, 0, order.ms);
    return;
  }
  // Where nobody catches it.
  setImmediate(() => {
    throw order.error;
  });
}
