/** What a case is: a question, its contenders, and how each is measured. */
import {
  startLoad,
  type Cores,
  type DriveTarget,
  type Load,
} from "../drive.ts";
import type { LoadPlan } from "../load/plan.ts";
import type { MetricName } from "../report/metrics.ts";
import { subjectNamed } from "../subjects/index.ts";
import type {
  RunningSubject,
  Subject,
  SubjectOptions,
  TlsFiles,
} from "../subjects/subject.ts";

/** What one turn of one contender gives. */
export interface Measurement {
  readonly metrics: Readonly<Partial<Record<MetricName, number>>>;
  readonly disturbed: readonly string[];
}

/** What a run lends to its cases. */
export interface RunContext {
  readonly cores: Cores;
  /** Every core that may be used, for servers with more than one shard. */
  readonly allCores: readonly number[];
  readonly warmupMs: number;
  readonly measureMs: number;
  /** Large numbers of connections are multiplied by this: 1, or less in a quick run. */
  readonly scale: number;
  readonly tlsFiles: TlsFiles;
}

/** One that takes part in a case. */
export interface Contender {
  readonly id: string;
  readonly title: string;
  /** The contender that its ratio refers to. */
  readonly relativeTo?: string;
  /** The server behind it; undefined: it needs none. */
  readonly subject?: Subject;
  measure(context: RunContext): Promise<Measurement>;
}

/** One case of the benchmark. */
export interface BenchCase {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  readonly columns: readonly [MetricName, ...MetricName[]];
  readonly contenders: readonly Contender[];
  /** At most so many rounds, where one takes long. */
  readonly maxRounds?: number;
  /** Done once, before the first round. */
  prepare?(context: RunContext): Promise<void>;
}

/** Measures one server; what {@link contendersOf} makes contenders of. */
export type SubjectMeasure = (
  subject: Subject,
  context: RunContext,
) => Promise<Measurement>;

/** The reference of all ratios, unless a case says otherwise. */
const reference = "ws";

/**
 * Makes one contender of each named server, all measured in the same way.
 *
 * @param names - Of the servers, in the order of their turns.
 * @param measure - How.
 */
export function contendersOf(
  names: readonly string[],
  measure: SubjectMeasure,
): Contender[] {
  return names.map((name) => {
    const subject = subjectNamed(name);
    return {
      id: name,
      title: subject.title,
      relativeTo: reference,
      subject,
      measure: async (context) => measure(subject, context),
    };
  });
}

/** How a server is started for a measurement, where it differs from the usual. */
export interface ServerSetup extends Partial<
  Pick<SubjectOptions, "mode" | "workers" | "cores" | "compression">
> {
  readonly tls?: boolean;
}

/**
 * Starts a server, has it measured, and stops it whatever happens.
 *
 * @param subject - The server.
 * @param context - The run.
 * @param setup - Echo, one worker, the server's core and no TLS, unless said.
 * @param measure - Is given the server as a target for loads.
 */
export async function withServer<Result>(
  subject: Subject,
  context: RunContext,
  setup: ServerSetup,
  measure: (target: DriveTarget) => Promise<Result>,
): Promise<Result> {
  const { tls = false, ...overrides } = setup;
  const options: SubjectOptions = {
    mode: "echo",
    workers: 1,
    cores: context.cores.server,
    ...overrides,
    ...(tls ? { tls: context.tlsFiles } : {}),
  };
  const running: RunningSubject = await subject.start(options);
  try {
    return await measure({
      subject,
      running,
      cores: { server: options.cores, load: context.cores.load },
      tls,
      compression: options.compression ?? false,
    });
  } finally {
    await running.stop();
  }
}

/**
 * Runs a load for as long as `use` takes.
 *
 * @param target - The server.
 * @param plan - The load's plan.
 * @param use - Awaits its reports.
 */
export async function withLoad<Result>(
  target: DriveTarget,
  plan: LoadPlan,
  use: (load: Load) => Promise<Result>,
): Promise<Result> {
  await using load = await startLoad(target, plan);
  return await use(load);
}

/** A large number of connections, fewer in a quick run. */
export function scaled(connections: number, context: RunContext): number {
  return Math.round(connections * context.scale);
}
