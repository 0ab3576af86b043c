import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const LISTEN = "0A";

/** What descriptors of a process lead to, counted by kind. */
export type Descriptors = Readonly<Record<string, number>>;

/**
 * The descriptors of a process by kind: `tcp` connections, sockets that
 * `listen`, those that are `dead`, `unix` sockets, pipes, files by name, and what Node waits with.
 *
 * @throws Error when there is no such process.
 */
export function descriptorsOf(pid: number): Descriptors {
  const sockets = socketsOf(pid);
  const counts: Record<string, number> = {};
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    const kind = kindOf(targetOf(pid, descriptor), sockets);
    if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Threads of a process. */
export function threadsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

/** Resident memory of a process. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

function kindOf(
  target: string,
  sockets: ReadonlyMap<string, string>,
): string | undefined {
  // It was closed while the others were looked at.
  if (target === "") return undefined;
  const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
  if (inode === undefined) return target.replace(/:\[\d+\]$/, "");
  // TCP that has ended is in no table any more.
  return sockets.get(inode) ?? "dead";
}

/** What each socket of the process's network is, by inode. */
function socketsOf(pid: number): Map<string, string> {
  const kinds = new Map<string, string>();
  for (const table of ["tcp", "tcp6"])
    for (const fields of rowsOf(`/proc/${pid}/net/${table}`)) {
      const [, , , state, , , , , , inode = ""] = fields;
      kinds.set(inode, state === LISTEN ? "listen" : "tcp");
    }
  for (const fields of rowsOf(`/proc/${pid}/net/unix`)) {
    const [, , , , , , inode = ""] = fields;
    kinds.set(inode, "unix");
  }
  return kinds;
}

function rowsOf(file: string): string[][] {
  const [, ...rows] = linesOf(file);
  return rows.map((row) => row.trim().split(/\s+/));
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "latin1").split("\n");
  } catch {
    return [];
  }
}

function targetOf(pid: number, descriptor: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
  } catch {
    return "";
  }
}
