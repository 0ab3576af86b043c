/**
 * Reads what Linux knows of processes and cores. Parsing is apart from reading
 * so that it can be tested on text. See proc(5).
 */
import { readdirSync, readFileSync } from "node:fs";

/** Fields of /proc/PID/stat that matter here; times are in microseconds. */
export interface ProcessStat {
  readonly parentPid: number;
  /** User plus system time of all threads, those that ended included. */
  readonly cpuMicros: number;
  /** The system part of it. */
  readonly kernelMicros: number;
}

/** One `cpuN` line of /proc/stat, in microseconds since the machine started. */
export interface CoreTimes {
  /** Time in which the core ran anything of this machine. */
  readonly busyMicros: number;
  /** Time in which the hypervisor ran something else. */
  readonly stealMicros: number;
}

/** Memory of one or more processes, in bytes. */
export interface Memory {
  /** Resident set size: shared pages count in full for every process. */
  readonly rssBytes: number;
  /**
   * Proportional set size without pages of files: what the processes allocated.
   * Pages of the executable are left out since how much of them counts depends
   * on how many others on the machine happen to run the same one.
   */
  readonly pssBytes: number;
}

/** USER_HZ, which the kernel fixes at 100 towards user space. */
const microsPerTick = 10_000;

/**
 * Parses the text of /proc/PID/stat or /proc/PID/task/TID/stat.
 *
 * @throws SyntaxError when it is not such a text.
 */
export function parseProcessStat(text: string): ProcessStat {
  // The second field is the command's name in parentheses; it may itself
  // contain spaces and parentheses, so what counts starts after the last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const parentPid = Number(fields[1]);
  const kernelTicks = Number(fields[12]);
  const ticks = Number(fields[11]) + kernelTicks;
  if (!Number.isSafeInteger(parentPid) || !Number.isSafeInteger(ticks)) {
    throw new SyntaxError(`Not a process's stat line: ${text.slice(0, 80)}`);
  }
  return {
    parentPid,
    cpuMicros: ticks * microsPerTick,
    kernelMicros: kernelTicks * microsPerTick,
  };
}

/** Parses /proc/stat into one entry for each core, by the core's number. */
export function parseCores(text: string): Map<number, CoreTimes> {
  const cores = new Map<number, CoreTimes>();
  for (const line of text.split("\n")) {
    const match = /^cpu(\d+) (.+)$/.exec(line);
    if (!match) continue;
    const [user, nice, system, , , irq, softirq, steal] = (match[2] ?? "")
      .split(" ")
      .map(Number);
    const busy =
      (user ?? 0) + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0);
    cores.set(Number(match[1]), {
      busyMicros: busy * microsPerTick,
      stealMicros: (steal ?? 0) * microsPerTick,
    });
  }
  return cores;
}

/**
 * Parses /proc/PID/smaps_rollup.
 *
 * @throws SyntaxError when one of its lines is missing.
 */
export function parseSmapsRollup(text: string): Memory {
  const bytesOf = (name: string): number => {
    const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1];
    if (value === undefined) {
      throw new SyntaxError(`Not a smaps_rollup: ${name} is missing.`);
    }
    return Number(value) * 1024;
  };
  return {
    rssBytes: bytesOf("Rss"),
    pssBytes: bytesOf("Pss_Anon") + bytesOf("Pss_Shmem"),
  };
}

/**
 * Parses a list of cores as the kernel writes it: `0-2,5`.
 *
 * @throws SyntaxError on anything else.
 */
export function parseCoreList(text: string): number[] {
  const cores: number[] = [];
  for (const part of text.trim().split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!match) throw new SyntaxError(`Not a list of cores: ${text}`);
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    for (let core = first; core <= last; core++) cores.push(core);
  }
  return cores;
}

/** The cores that this process may run on. */
export function allowedCores(): number[] {
  const status = readFileSync("/proc/self/status", "utf8");
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(status)?.[1];
  return parseCoreList(list ?? "0");
}

/** The times of every core now. */
export function readCores(): Map<number, CoreTimes> {
  return parseCores(readFileSync("/proc/stat", "utf8"));
}

/**
 * CPU time that these processes used so far, in microseconds, all threads
 * included.
 *
 * @throws Error (ENOENT) when one of them is gone: its time would be missing.
 */
export function readCpu(
  pids: readonly number[],
): Pick<ProcessStat, "cpuMicros" | "kernelMicros"> {
  let cpuMicros = 0;
  let kernelMicros = 0;
  for (const pid of pids) {
    const stat = parseProcessStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
    cpuMicros += stat.cpuMicros;
    kernelMicros += stat.kernelMicros;
  }
  return { cpuMicros, kernelMicros };
}

/** CPU time of a process's main thread alone, in microseconds. */
export function readMainThreadCpuMicros(pid: number): number {
  // The scheduler's own account is in nanoseconds, where stat has ticks.
  const text = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8");
  return Number(text.split(" ")[0]) / 1000;
}

/** Memory of these processes together. */
export function readMemory(pids: readonly number[]): Memory {
  let rssBytes = 0;
  let pssBytes = 0;
  for (const pid of pids) {
    const memory = parseSmapsRollup(
      readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"),
    );
    rssBytes += memory.rssBytes;
    pssBytes += memory.pssBytes;
  }
  return { rssBytes, pssBytes };
}

/** `root` and all its descendants that are alive now. */
export function processTree(root: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const pid = Number(entry);
    try {
      const stat = parseProcessStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
      parents.set(pid, stat.parentPid);
    } catch {
      // It ended between the listing and the reading.
    }
  }
  const tree = [root];
  for (const ancestor of tree) {
    for (const [pid, parent] of parents) {
      if (parent === ancestor) tree.push(pid);
    }
  }
  return tree;
}
