/**
 * Runs in a new process before anything else (`node --import`), and closes the
 * connections that it has inherited from the process that started it.
 *
 * Node opens sockets so that processes it starts do not inherit them, but a
 * socket that was transferred to another thread is a duplicate without that
 * mark. Such a copy in the new process would keep a connection open that both
 * processes have long closed. The connections that it is meant to have come
 * over the channel between the two, later. Linux tells which is which; where
 * there is no /proc, nothing is closed.
 */
import { closeSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The state of a listening socket in /proc/net/tcp; one may be the debugger's. */
const LISTEN = "0A";

/** Inodes of TCP connections in this network namespace. */
function connections(): Set<string> {
  const inodes = new Set<string>();
  for (const table of ["/proc/self/net/tcp", "/proc/self/net/tcp6"])
    for (const line of linesOf(table).slice(1)) {
      const [, , , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state !== LISTEN && inode !== undefined) inodes.add(inode);
    }
  return inodes;
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "latin1").split("\n");
  } catch {
    return [];
  }
}

function targetOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    // The one that the directory was read with.
    return "";
  }
}

function descriptors(): string[] {
  try {
    return readdirSync("/proc/self/fd");
  } catch {
    return [];
  }
}

const inherited = connections();
for (const descriptor of descriptors()) {
  const inode = /^socket:\[(\d+)\]$/.exec(targetOf(descriptor))?.[1];
  if (inode !== undefined && inherited.has(inode))
    closeSync(Number(descriptor));
}
