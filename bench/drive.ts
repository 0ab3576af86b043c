/** Puts a load on a running server and brings back what was measured. */
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { LoadOrder, LoadPlan, LoadReport } from "./load/plan.ts";
import { disturbances } from "./measure/disturbance.ts";
import { processTree } from "./measure/proc.ts";
import { startPinned, stopProcess } from "./subjects/process.ts";
import type { RunningSubject, Subject } from "./subjects/subject.ts";

/** Which cores are whose. */
export interface Cores {
  readonly server: readonly number[];
  readonly load: readonly number[];
}

/** Who is put under load, and where. */
export interface DriveTarget {
  readonly subject: Subject;
  readonly running: RunningSubject;
  readonly cores: Cores;
  readonly tls: boolean;
  /** Messages are compressed both ways. */
  readonly compression: boolean;
}

/** A load process at work: its reports come one by one. */
export interface Load extends AsyncDisposable {
  /**
   * @param kind - Which report is to come next.
   * @throws Error with the load's stderr when it ends first.
   */
  next<Kind extends LoadReport["kind"]>(
    kind: Kind,
  ): Promise<Extract<LoadReport, { kind: Kind }>>;
  /** Lets go of connections that are held. */
  release(): void;
}

const loadScript = fileURLToPath(new URL("load/main.ts", import.meta.url));

/**
 * Starts a load process.
 *
 * @param target - The server.
 * @param plan - What to do.
 * @returns The load; dispose of it to end the process.
 */
export async function startLoad(
  target: DriveTarget,
  plan: LoadPlan,
): Promise<Load> {
  const { subject, running, cores, tls, compression } = target;
  const order: LoadOrder = {
    target: {
      port: running.port,
      path: subject.path,
      wire: compression ? "deflate" : subject.wire,
      tls,
    },
    watched: {
      serverPids: processTree(running.pid),
      benchPids: [process.pid],
      serverCores: cores.server,
      loadCores: cores.load,
    },
    plan,
  };
  const load = await startPinned(cores.load, process.execPath, [
    loadScript,
    JSON.stringify(order),
  ]);
  const { stdout, stdin } = load.child;
  if (stdout === null || stdin === null) throw new Error("It has no pipes.");
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return {
    next: async (kind) => {
      const line = await lines.next();
      if (line.done === true) {
        throw new Error(`The load ended early: ${load.complaint()}`);
      }
      // Written by load/main.ts, which has the same types.
      const report = JSON.parse(line.value) as LoadReport;
      if (!isKind(report, kind)) {
        throw new Error(`The load reported "${report.kind}", not "${kind}".`);
      }
      return report;
    },
    release: () => {
      stdin.write("release\n");
    },
    [Symbol.asyncDispose]: async () => stopProcess(load),
  };
}

function isKind<Kind extends LoadReport["kind"]>(
  report: LoadReport,
  kind: Kind,
): report is Extract<LoadReport, { kind: Kind }> {
  return report.kind === kind;
}

/** What one timed load measured, in the terms of the reports. */
export interface LoopMeasurement {
  readonly units: number;
  readonly metrics: {
    readonly cpuMicros: number;
    readonly kernelMicros: number;
    readonly unitsPerSecond: number;
    readonly p50Micros: number;
    readonly p99Micros: number;
    readonly p999Micros: number;
    readonly serverShare: number;
    readonly loadShare: number;
  };
  readonly mainThreadMicros: number;
  readonly disturbed: readonly string[];
}

/**
 * Runs a timed plan from beginning to end.
 *
 * @throws Error when nothing was completed, or the load failed.
 */
export async function driveLoop(
  target: DriveTarget,
  plan: LoadPlan,
): Promise<LoopMeasurement> {
  await using load = await startLoad(target, plan);
  const { units, latency, use } = await load.next("loop");
  if (units === 0) throw new Error("Nothing was completed in the time given.");
  const { elapsedMicros } = use;
  return {
    units,
    metrics: {
      cpuMicros: use.serverMicros / units,
      kernelMicros: use.serverKernelMicros / units,
      unitsPerSecond: (units / elapsedMicros) * 1e6,
      p50Micros: latency.p50,
      p99Micros: latency.p99,
      p999Micros: latency.p999,
      serverShare: use.serverMicros / elapsedMicros,
      loadShare: use.loadMicros / elapsedMicros,
    },
    mainThreadMicros: use.serverMainThreadMicros / units,
    disturbed: disturbances(use, {
      serverCores: target.cores.server,
      loadCores: target.cores.load,
    }),
  };
}
