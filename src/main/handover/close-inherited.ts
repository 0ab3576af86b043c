import { closeSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The state of a listening socket in /proc/net/tcp. */
const LISTEN = "0A";
/** Standard input, output and error are whatever they were started with. */
const LAST_STANDARD_STREAM = 2;
/** Of a descriptor that a program does not leave to those that it starts (open(2)). */
const CLOSE_ON_EXEC = 0o2000000;
/** Every socket that has not ended is in one of these. */
const TABLES = [
  ...["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6"],
  ...["raw", "raw6", "icmp", "icmp6", "unix", "netlink", "packet"],
];

/**
 * Closes the connections that this process was born with.
 *
 * Node opens sockets so that processes it starts do not inherit them, but a
 * socket that was transferred to another thread is a duplicate without that
 * mark. Such a copy in the new process would keep a connection open that both
 * processes have long closed. The connections that it is meant to have come
 * over the channel between the two, later.
 *
 * A descriptor that libuv has opened must not be closed behind its back: it
 * would go on with the number, whoever has it next. So the caller says which
 * ports the processes before have accepted on, and calls this before it accepts
 * there itself or is given anything. Whatever was accepted on one of them by
 * then was inherited, and nothing here knows its number. Nor does it of sockets
 * that ended since, which have no port any more: those that are in no table, and
 * that have come through the start, as nothing does that was opened here. Linux tells which is which; where there is no /proc, nothing is closed.
 *
 * @param ports - Of connections that the processes before may hold.
 * @returns how many were closed
 */
export function closeInherited(ports: readonly number[]): number {
  const accepted = acceptedOn(new Set(ports));
  const sockets = listDescriptors()
    .filter((descriptor) => descriptor > LAST_STANDARD_STREAM)
    .map((descriptor) => ({ descriptor, inode: inodeOf(descriptor) }))
    .filter(({ inode }) => inode !== "");
  const inherited = sockets.filter(({ inode }) => accepted.has(inode));
  const others = sockets.filter(
    ({ descriptor, inode }) => !accepted.has(inode) && isLeftToUs(descriptor),
  );
  const ended = endedOf(new Set(others.map(({ inode }) => inode)));
  inherited.push(...others.filter(({ inode }) => ended.has(inode)));
  for (const { descriptor } of inherited) closeSync(descriptor);
  return inherited.length;
}

/** Whether it has come through the start of this process: what is opened here does not go on to another. */
function isLeftToUs(descriptor: number): boolean {
  const [, flags = ""] =
    linesOf(`/proc/self/fdinfo/${descriptor}`)
      .find((line) => line.startsWith("flags:"))
      ?.split(/\s+/) ?? [];
  return flags !== "" && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
}

/**
 * Those sockets that the system lists nowhere any more. Each table is read
 * once, however many sockets there are: on a busy machine it has tens of
 * thousands of lines, of connections that have ended (TIME_WAIT), and takes
 * long.
 */
function endedOf(inodes: ReadonlySet<string>): Set<string> {
  const ended = new Set(inodes);
  for (const table of TABLES) {
    if (ended.size === 0) break;
    for (const line of linesOf(`/proc/self/net/${table}`))
      for (const field of line.trim().split(/\s+/)) ended.delete(field);
  }
  return ended;
}

/** Inodes of the TCP connections in this network namespace that were accepted on one of these ports. */
function acceptedOn(ports: ReadonlySet<number>): Set<string> {
  const inodes = new Set<string>();
  for (const table of ["/proc/self/net/tcp", "/proc/self/net/tcp6"])
    for (const line of linesOf(table).slice(1)) {
      const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
      const port = Number.parseInt(local.split(":")[1] ?? "", 16);
      if (state !== LISTEN && inode !== undefined && ports.has(port))
        inodes.add(inode);
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

function listDescriptors(): number[] {
  try {
    return readdirSync("/proc/self/fd").map(Number);
  } catch {
    return [];
  }
}

/** Empty for what is no socket. */
function inodeOf(descriptor: number): string {
  try {
    const target = readlinkSync(`/proc/self/fd/${descriptor}`);
    return /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? "";
  } catch {
    // The one that the directory was read with.
    return "";
  }
}
