import diagnostics from "node:diagnostics_channel";
import { currentThread, type SimThread } from "./sim-thread.ts";

type Listener = (message: unknown, name: string | symbol) => void;

/** As they were, for everything outside of a simulation. */
const real = {
  subscribe: diagnostics.subscribe,
  unsubscribe: diagnostics.unsubscribe,
};

interface Subscribed {
  readonly name: string | symbol;
  readonly thread: SimThread;
  readonly listener: Listener;
  readonly heard: Listener;
}

let subscribed: Subscribed[] = [];

/** Diagnostics channels are each thread's own: who subscribes in one hears what is published there. */
export function installVirtualChannels(): void {
  Object.assign(diagnostics, {
    subscribe: (name: string | symbol, listener: Listener) => {
      const thread = currentThread();
      if (thread === undefined) return real.subscribe(name, listener);
      const heard: Listener = (...given) => {
        if (currentThread() === thread && !thread.isDead) listener(...given);
      };
      subscribed.push({ name, thread, listener, heard });
      return real.subscribe(name, heard);
    },
    unsubscribe: (name: string | symbol, listener: Listener) => {
      const thread = currentThread();
      const found = subscribed.find(
        (each) =>
          each.name === name &&
          each.listener === listener &&
          each.thread === thread,
      );
      if (found === undefined) return real.unsubscribe(name, listener);
      subscribed = subscribed.filter((each) => each !== found);
      return real.unsubscribe(name, found.heard);
    },
  });
}

/** Undoes {@link installVirtualChannels}; nobody of a thread hears anything any more. */
export function uninstallVirtualChannels(): void {
  for (const { name, heard } of subscribed) real.unsubscribe(name, heard);
  subscribed = [];
  Object.assign(diagnostics, real);
}
