import type { Readable, Writable } from "node:stream";
import type { Worker } from "node:worker_threads";

/** Where the output of threads goes; `process` is one. */
interface Outlets {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/**
 * What a thread prints, on its way to the streams of the process. Node's own
 * pipes between the two stop at the first write that fails (a full disk, a
 * reader that went away), and then the thread's memory grows with every line.
 * These go on: such a line is lost, and the next is tried again.
 */
export class ThreadOutput {
  /** Resolves when all that the thread has printed was passed on; at the latest when the thread is gone and `finish` was called. */
  readonly passedOn: Promise<unknown>;
  readonly #relays: readonly Relay[];

  constructor(worker: Pick<Worker, "stdout" | "stderr">, outlets: Outlets) {
    this.#relays = [
      new Relay(worker.stdout, outlets.stdout),
      new Relay(worker.stderr, outlets.stderr),
    ];
    this.passedOn = Promise.all(this.#relays.map(({ passedOn }) => passedOn));
  }

  /** The thread is gone: what is left is passed on without waiting for the reader. */
  finish(): void {
    for (const relay of this.#relays) relay.finish();
  }

  /** Passes nothing on any more: the thread is given up, and what follows has the last word. */
  stop(): void {
    for (const relay of this.#relays) relay.stop();
  }
}

class Relay {
  readonly passedOn: Promise<void>;
  readonly #source: Readable;
  readonly #target: Writable;
  #waits = true;

  constructor(source: Readable, target: Writable) {
    this.#source = source;
    this.#target = target;
    source.unpipe(target);
    this.passedOn = new Promise((resolve) => {
      source.once("end", resolve).once("close", resolve);
    });
    source.on("data", this.#pass);
    source.resume();
  }

  finish(): void {
    this.#waits = false;
    this.#source.resume();
  }

  stop(): void {
    this.#source.off("data", this.#pass).destroy();
  }

  readonly #pass = (chunk: Buffer): void => {
    // Called back in any case, also with an error.
    const hasRoom = this.#target.write(chunk, () => this.#source.resume());
    if (!hasRoom && this.#waits) this.#source.pause();
  };
}
