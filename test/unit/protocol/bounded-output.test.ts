import { EventEmitter } from "node:events";
import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { BoundedOutput } from "../../../src/protocol/bounded-output.ts";
import { until } from "../../support/within.ts";

const MOST_BYTES = 100;
const LINE = `${"x".repeat(9)}\n`;

/** A stream whose reader reads when it is told to. */
class Pipe extends Writable {
  text = "";
  #next: (() => void) | undefined;

  constructor() {
    super({ decodeStrings: false });
  }

  override _write(chunk: string, _: string, done: () => void): void {
    this.#next = () => {
      this.text += chunk;
      done();
    };
  }

  async readAll(): Promise<void> {
    await until("all is read", () => {
      const next = this.#next;
      this.#next = undefined;
      next?.();
      return this.writableLength === 0;
    });
  }
}

describe("output whose reader has stopped", () => {
  it("waits up to a limit, and what is beyond is dropped and counted", async () => {
    const pipe = new Pipe();
    const dropped: number[] = [];
    const output = new BoundedOutput(
      pipe,
      (lines) => dropped.push(lines),
      MOST_BYTES,
    );
    for (let line = 0; line < 1_000; line++) output.write(LINE);
    expect(pipe.writableLength).toBeLessThan(MOST_BYTES + LINE.length);
    expect(dropped).toEqual([]);
    await pipe.readAll();
    expect(dropped).toEqual([990]);
    output.write("the reader is back\n");
    await pipe.readAll();
    expect(pipe.text).toBe(`${LINE.repeat(10)}the reader is back\n`);
    expect(dropped).toEqual([990]);
  });

  it("is told of at the end where the reader stays away, a line that was begun too", () => {
    const dropped: number[] = [];
    const output = new BoundedOutput(
      new Pipe(),
      (lines) => dropped.push(lines),
      MOST_BYTES,
    );
    output.write(LINE.repeat(10));
    output.write(Buffer.from("two\nand a half"));
    output.end();
    output.end();
    expect(dropped).toEqual([2]);
  });
});

/** As the streams of a process do: whoever wrote is told first, then whoever listens; and it goes on. */
class FullDisk extends EventEmitter {
  readonly writableLength = 0;
  attempts = 0;

  write(_: unknown, written: (error: Error) => void): boolean {
    this.attempts++;
    const error = new Error("ENOSPC");
    written(error);
    this.emit("error", error);
    return true;
  }
}

describe("output that cannot be written", () => {
  it("ends nothing, and the next line is tried again", () => {
    const disk = new FullDisk();
    const output = new BoundedOutput(disk, () => {});
    output.write("lost\n");
    output.write("lost too\n");
    expect(disk.attempts).toBe(2);
    expect(disk.listenerCount("error")).toBe(0);
  });

  it("is known to whoever listens", () => {
    const disk = new FullDisk();
    const heard: Error[] = [];
    disk.on("error", (error) => heard.push(error));
    new BoundedOutput(disk, () => {}).write("lost\n");
    expect(heard).toHaveLength(1);
    expect(disk.listenerCount("error")).toBe(1);
  });
});
