/** What the benchmark needs to know of a server to measure it. */
import type { Wire } from "../load/plan.ts";

/** What a server does with a message. */
export type Mode = "echo" | "fan-out";

/** What a server does on SIGTERM, where that is a choice. */
export type OnSigterm = "as-shipped" | "close-loop";

/** Where key and certificate are, in PEM. */
export interface TlsFiles {
  readonly keyFile: string;
  readonly certFile: string;
}

/** How a server is to be started. */
export interface SubjectOptions {
  readonly mode: Mode;
  /** Worker threads or processes, where the server has such a thing. */
  readonly workers: number;
  /** The cores it may run on. */
  readonly cores: readonly number[];
  readonly tls?: TlsFiles;
  /** With permessage-deflate; without unless it says so. */
  readonly compression?: boolean;
  readonly onSigterm?: OnSigterm;
  /** Where it is to listen; any free port otherwise. */
  readonly port?: number;
}

/** A server that listens. */
export interface RunningSubject {
  readonly pid: number;
  readonly port: number;
  /** Collects garbage in full, so that what remains is what is in use. */
  collect(): Promise<void>;
  /** Ends the process and all that it started; never fails. */
  stop(): Promise<void>;
}

/** A server that can be measured. */
export interface Subject {
  readonly name: string;
  readonly title: string;
  /** Its configuration in one sentence, for the report. */
  readonly configuration: string;
  readonly wire: Wire;
  readonly path: string;
  /** Says why it cannot run here, or undefined when it can. */
  unavailable(): string | undefined;
  /**
   * @returns When it accepts connections.
   * @throws Error with what it printed when it does not come to that.
   */
  start(options: SubjectOptions): Promise<RunningSubject>;
}
