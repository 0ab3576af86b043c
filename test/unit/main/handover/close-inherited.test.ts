import { afterEach, describe, expect, it, vi } from "vitest";
import { closeInherited } from "../../../../src/main/handover/close-inherited.ts";

/** Open with O_RDWR, and with O_CLOEXEC or without. */
const OWN = "flags:\t02000002";
const LEFT = "flags:\t02";

const system = vi.hoisted(() => ({
  /** By descriptor: what it leads to, and its flags. */
  descriptors: new Map<number, { target: string; flags: string }>(),
  /** The lines of each table of sockets. */
  tables: new Map<string, string[]>(),
  closed: [] as number[],
  reads: [] as string[],
}));

vi.mock("node:fs", () => ({
  closeSync: (descriptor: number) => system.closed.push(descriptor),
  readdirSync: () => [...system.descriptors.keys()].map(String),
  readlinkSync: (path: string) =>
    system.descriptors.get(Number(path.split("/").at(-1)))?.target,
  readFileSync: (path: string) => {
    const [last = "", folder] = path.split("/").toReversed();
    if (folder === "fdinfo")
      return `pos:\t0\n${system.descriptors.get(Number(last))?.flags}\n`;
    system.reads.push(last);
    const lines = system.tables.get(last);
    if (lines === undefined) throw new Error("ENOENT");
    return lines.join("\n");
  },
}));

/** A line of /proc/net/tcp. */
function tcp(port: number, state: string, inode: number): string {
  const local = `0100007F:${port.toString(16).toUpperCase()}`;
  return `   1: ${local} 0100007F:D431 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0 20 4 30 10 -1`;
}

function open(descriptor: number, inode: number, flags = LEFT): void {
  system.descriptors.set(descriptor, { target: `socket:[${inode}]`, flags });
}

afterEach(() => {
  system.descriptors.clear();
  system.tables.clear();
  system.closed.length = 0;
  system.reads.length = 0;
});

describe("sockets that a new process was born with", () => {
  it("are closed when they were accepted on a port of the processes before, or have ended, and no others are", () => {
    system.descriptors.set(3, { target: "pipe:[70]", flags: LEFT });
    open(1, 1_000_002);
    open(20, 1_000_020);
    open(21, 1_000_021, OWN);
    open(22, 1_000_022);
    open(23, 1_000_023, OWN);
    open(24, 1_000_024);
    open(25, 1_000_025);
    system.tables.set("tcp", [
      "  sl  local_address rem_address   st tx_queue",
      tcp(8080, "01", 1_000_020),
      tcp(8080, "08", 1_000_021),
      tcp(8080, "0A", 1_000_024),
      tcp(9090, "01", 1_000_025),
    ]);
    // 22 has ended; 23 has too, or will be connected: it is this process's own.
    expect(closeInherited([8080])).toBe(3);
    expect(system.closed).toEqual([20, 21, 22]);
  });

  it("are looked up in one reading of the system's tables, which may be long", () => {
    for (let i = 0; i < 500; i++) open(100 + i, 2_000_000 + i);
    system.tables.set("tcp", ["", tcp(9090, "06", 0)]);
    expect(closeInherited([8080])).toBe(500);
    const counts = Map.groupBy(system.reads, (table) => table);
    // Of TCP once more, by port.
    for (const [table, { length }] of counts)
      expect([table, length]).toEqual([table, /^tcp6?$/.test(table) ? 2 : 1]);
  });
});
