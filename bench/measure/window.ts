/**
 * The window in which a load is measured. Everything that is divided by
 * something else (CPU by messages, messages by seconds) is read at the same
 * two instants, by the load process itself.
 */
import {
  readCores,
  readCpu,
  readMainThreadCpuMicros,
  type CoreTimes,
} from "./proc.ts";

/** Whom to watch: process ids, and the cores that they were pinned to. */
export interface Watched {
  /** The server's processes; the first is the one that was started. */
  readonly serverPids: readonly number[];
  /** The benchmark's other processes (beside this one). */
  readonly benchPids: readonly number[];
  readonly serverCores: readonly number[];
  readonly loadCores: readonly number[];
}

/** CPU time within a window, in microseconds. */
export interface WindowUse {
  readonly elapsedMicros: number;
  readonly serverMicros: number;
  /** The part of it that the kernel took on the server's behalf. */
  readonly serverKernelMicros: number;
  readonly serverMainThreadMicros: number;
  readonly loadMicros: number;
  readonly benchMicros: number;
  readonly serverCores: CoreTimes;
  readonly loadCores: CoreTimes;
}

interface Sample {
  readonly at: number;
  readonly serverMicros: number;
  readonly serverKernelMicros: number;
  readonly serverMainThreadMicros: number;
  readonly loadMicros: number;
  readonly benchMicros: number;
  readonly serverCores: CoreTimes;
  readonly loadCores: CoreTimes;
}

/**
 * Opens a window now.
 *
 * @param watched - The processes and cores to account for.
 * @returns A function that closes it and says what was used in between.
 */
export function openWindow(watched: Watched): () => WindowUse {
  const start = sample(watched);
  return () => difference(start, sample(watched));
}

function sample(watched: Watched): Sample {
  const cores = readCores();
  const [serverPid] = watched.serverPids;
  const server = readCpu(watched.serverPids);
  return {
    at: performance.now(),
    serverMicros: server.cpuMicros,
    serverKernelMicros: server.kernelMicros,
    serverMainThreadMicros:
      serverPid === undefined ? 0 : readMainThreadCpuMicros(serverPid),
    loadMicros: readCpu([process.pid]).cpuMicros,
    benchMicros: readCpu(watched.benchPids).cpuMicros,
    serverCores: sumCores(cores, watched.serverCores),
    loadCores: sumCores(cores, watched.loadCores),
  };
}

function sumCores(
  cores: ReadonlyMap<number, CoreTimes>,
  wanted: readonly number[],
): CoreTimes {
  let busyMicros = 0;
  let stealMicros = 0;
  for (const core of wanted) {
    busyMicros += cores.get(core)?.busyMicros ?? 0;
    stealMicros += cores.get(core)?.stealMicros ?? 0;
  }
  return { busyMicros, stealMicros };
}

function difference(start: Sample, end: Sample): WindowUse {
  return {
    elapsedMicros: (end.at - start.at) * 1000,
    serverMicros: end.serverMicros - start.serverMicros,
    serverKernelMicros: end.serverKernelMicros - start.serverKernelMicros,
    serverMainThreadMicros:
      end.serverMainThreadMicros - start.serverMainThreadMicros,
    loadMicros: end.loadMicros - start.loadMicros,
    benchMicros: end.benchMicros - start.benchMicros,
    serverCores: coreDifference(start.serverCores, end.serverCores),
    loadCores: coreDifference(start.loadCores, end.loadCores),
  };
}

function coreDifference(start: CoreTimes, end: CoreTimes): CoreTimes {
  return {
    busyMicros: end.busyMicros - start.busyMicros,
    stealMicros: end.stealMicros - start.stealMicros,
  };
}
