import type { Readable, Writable } from "node:stream";
import type { Worker } from "node:worker_threads";
import { BoundedOutput } from "../protocol/bounded-output.ts";

/** Where the output of threads goes; `process` is one. */
interface Outlets {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Lines that nobody is going to read. */
export interface DroppedLines {
  readonly stream: "stdout" | "stderr";
  readonly lines: number;
}

/**
 * What a thread prints, on its way to the streams of the process. Node's own
 * pipes between the two stop at the first write that fails (a full disk, a
 * reader that went away), and wait for a reader that has stopped: then the
 * thread's memory grows with every line. These go on: a line that cannot be
 * written is lost, and the next is tried again; what waits is bounded.
 */
export class ThreadOutput {
  /** Resolves when all that the thread has printed was passed on. */
  readonly passedOn: Promise<unknown>;
  readonly #relays: readonly Relay[];

  constructor(
    worker: Pick<Worker, "stdout" | "stderr">,
    outlets: Outlets,
    onDropped: (dropped: DroppedLines) => void,
  ) {
    this.#relays = (["stdout", "stderr"] as const).map((stream) => {
      const dropped = (lines: number): void => onDropped({ stream, lines });
      const target = new BoundedOutput(outlets[stream], dropped);
      return new Relay(worker[stream], outlets[stream], target);
    });
    this.passedOn = Promise.all(this.#relays.map(({ passedOn }) => passedOn));
  }

  /** Passes nothing on any more: the thread is given up, and what follows has the last word. */
  stop(): void {
    for (const relay of this.#relays) relay.stop();
  }
}

class Relay {
  readonly passedOn: Promise<void>;
  readonly #source: Readable;
  readonly #target: BoundedOutput;

  constructor(source: Readable, pipedTo: Writable, target: BoundedOutput) {
    this.#source = source;
    this.#target = target;
    source.unpipe(pipedTo);
    this.passedOn = new Promise((resolve) => {
      const end = (): void => {
        target.end();
        resolve();
      };
      source.once("end", end).once("close", end);
    });
    source.on("data", this.#pass);
    source.resume();
  }

  stop(): void {
    this.#source.off("data", this.#pass).destroy();
  }

  readonly #pass = (chunk: Buffer): void => this.#target.write(chunk);
}
