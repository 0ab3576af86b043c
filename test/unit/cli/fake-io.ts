import { EventEmitter } from "node:events";
import { Writable } from "node:stream";

import type { Io, OutputStream } from "../../../src/cli/io.ts";

/** A stream that remembers what was written to it. */
export class FakeOutput extends Writable implements OutputStream {
  readonly isTTY: boolean;
  columns = 100;
  text = "";
  /** What its reader has not read yet; undefined while it reads on. */
  #unread: (() => void)[] | undefined;

  constructor(isTTY: boolean) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  get lines(): readonly string[] {
    return this.text.split("\n").filter((line) => line !== "");
  }

  /** From now on nobody reads. */
  stopReading(): void {
    this.#unread = [];
  }

  readOn(): void {
    const unread = this.#unread ?? [];
    this.#unread = undefined;
    for (const read of unread) read();
  }

  override _write(
    chunk: string,
    _encoding: BufferEncoding,
    done: () => void,
  ): void {
    const read = (): void => {
      this.text += chunk;
      done();
    };
    if (this.#unread === undefined) read();
    else this.#unread.push(read);
  }
}

/** Stands in for `process`: arguments, environment, streams and signals. */
export class FakeIo extends EventEmitter implements Io {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: FakeOutput;
  readonly stderr: FakeOutput;

  constructor({
    args = [],
    env = {},
    isTTY = false,
  }: {
    readonly args?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly isTTY?: boolean;
  } = {}) {
    super();
    this.argv = ["node", "sluice", ...args];
    this.env = env;
    this.stdout = new FakeOutput(isTTY);
    this.stderr = new FakeOutput(isTTY);
  }
}
