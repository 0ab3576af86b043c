/*
 * Loaded by a server before anything of its own: each of two processes then says
 * nonsense to the other before the first that it has to say. With `?alone`, the new one
 * says nothing else.
 */
import childProcess, { type ChildProcess } from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
import { isMainThread } from "node:worker_threads";

/** What no process of Sluice's would say, of any version: of the first eleven, each is malformed. */
const nonsense: readonly object[] = [
  { sluice: null },
  { sluice: "hello" },
  { sluice: { type: "toString" } },
  { sluice: { type: "failed", why: 7, withinMs: Number.NaN } },
  { sluice: { type: "take-over", host: "::", port: -1, ports: 1 } },
  { sluice: { type: "tally", tally: { live: 1e9 } } },
  { sluice: { type: "connection", snapshot: { number: 4_000_000 } } },
  { sluice: { type: "received", number: "all" } },
  { sluice: { type: "yours", number: -1 } },
  { sluice: { type: "committed", admin: 5 } },
  { sluice: { type: "stop", reason: "nonsense", deadlineMs: "8s" } },
  // Well said, and of nobody.
  { sluice: { type: "received", number: 4_000_001 } },
  { sluice: { type: "yours", number: 4_000_002 } },
  // Some other program's.
  { greeting: "hello" },
];

type Send = (...args: unknown[]) => boolean;

function spoil(end: { send?: unknown }, isAlone: boolean): void {
  const send = (end.send as Send).bind(end);
  let words = 0;
  const spoilt: Send = (...args) => {
    // Refusals are words too: two that answered nonsense by nonsense would never end.
    if (words++ === 0)
      for (const message of nonsense) send(message, undefined, {}, () => {});
    if (!isAlone) return send(...args);
    (args.at(-1) as (error: null) => void)(null);
    return true;
  };
  end.send = spoilt;
}

if (isMainThread) {
  const { spawn } = childProcess;
  childProcess.spawn = ((...args: Parameters<typeof spawn>): ChildProcess => {
    const child = spawn(...args);
    // Of another process than one that takes over there is no channel.
    if (child.connected) spoil(child, false);
    return child;
  }) as typeof spawn;
  syncBuiltinESMExports();
  if (process.send !== undefined)
    spoil(process, import.meta.url.endsWith("?alone"));
}
