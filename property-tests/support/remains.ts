import { createHook } from "node:async_hooks";
import { until } from "../../test/support/within.ts";

const HANDLES = ["TCPServerWrap", "TCPSocketWrap", "MessagePort", "Worker"];

/** The server's own code, and the libraries that set timers for it. */
const SERVER = /\/(src|node_modules\/(xstate|piscina))\//;
const MOST_FRAMES = 30;

/** Timers that the server has set in this thread, with the place where. */
const timers = new Map<number, string>();

// Also those that are unref'ed, which no list of active resources has.
createHook({
  init(id, type) {
    if (type !== "Timeout") return;
    const place = stack();
    if (SERVER.test(place)) timers.set(id, place);
  },
  destroy(id) {
    timers.delete(id);
  },
}).enable();

/** What of a server is in this thread at a moment: sockets, ports, threads, timers. */
export interface Remains {
  readonly handles: Readonly<Record<string, number>>;
  readonly timers: ReadonlySet<number>;
}

export function lookAround(): Remains {
  const handles: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo())
    if (HANDLES.includes(kind)) handles[kind] = (handles[kind] ?? 0) + 1;
  return { handles, timers: new Set(timers.keys()) };
}

/**
 * Waits until nothing is left that was not there before.
 *
 * @throws Error that names what is left, timers with the place where they were set.
 */
export async function nothingLeft(before: Remains): Promise<void> {
  let left: string[] = [];
  const look = (): boolean => {
    left = leftSince(before);
    return left.length === 0;
  };
  try {
    await until("no socket, port, thread or timer is left", look);
  } catch (cause) {
    throw new Error(`there is left: ${left.join(", ")}`, { cause });
  }
}

function leftSince(before: Remains): string[] {
  const now = lookAround();
  const handles = Object.entries(now.handles)
    .filter(([kind, count]) => count > (before.handles[kind] ?? 0))
    .map(([kind]) => kind);
  const places = [...now.timers]
    .filter((id) => !before.timers.has(id))
    .map((id) => `a timer that was set${timers.get(id)}`);
  return [...handles, ...places];
}

function stack(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = MOST_FRAMES;
  const { stack: text = "" } = new Error("set here");
  Error.stackTraceLimit = limit;
  return text.slice(text.indexOf("\n"));
}
