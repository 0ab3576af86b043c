import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  deflateRawSync,
  inflateRawSync,
} from "node:zlib";

/**
 * A zlib context that serves message after message, each from its beginning, at
 * once. Node's own `deflateRawSync` makes one for each call, which costs five
 * times as much as a message of 1 KiB does; so the context of one of its streams
 * is driven directly. What is leaned on for that stands in this file, and is
 * tried before it is used: a Node that has changed makes it slower, not wrong.
 */
export interface ZlibContext {
  /**
   * @param data - Of a length that `into` is large enough for, or else a part is missing.
   * @returns how many bytes were written; `undefined` when the data is broken,
   *   and the context with it
   */
  run(data: Uint8Array, into: Uint8Array): number | undefined;
  close(): void;
}

const flush = constants.Z_SYNC_FLUSH;

/** The parts of a zlib stream that its own `write` drives. */
interface Stream {
  readonly _handle: {
    onerror: (message: string, errno: number, code: string) => void;
    writeSync(
      flush: number,
      from: Uint8Array,
      fromStart: number,
      fromLength: number,
      into: Uint8Array,
      intoStart: number,
      intoLength: number,
    ): void;
    reset(): void;
  };
  /** Room that was left in `into`, and bytes that were left in `from`. */
  readonly _writeState: Uint32Array;
  close(): void;
}

class DrivenContext implements ZlibContext {
  readonly #stream: Stream;
  #hasFailed = false;

  constructor(stream: unknown) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- tried before it is used
    this.#stream = stream as Stream;
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it is no event target
    this.#stream._handle.onerror = () => {
      this.#hasFailed = true;
    };
  }

  run(data: Uint8Array, into: Uint8Array): number | undefined {
    const { _handle: handle, _writeState: state } = this.#stream;
    handle.writeSync(flush, data, 0, data.length, into, 0, into.length);
    if (this.#hasFailed) return undefined;
    const written = into.length - (state[0] as number);
    handle.reset();
    return this.#hasFailed ? undefined : written;
  }

  close(): void {
    this.#stream.close();
  }
}

/** The same through what is documented. */
class PlainContext implements ZlibContext {
  readonly #convert: (data: Uint8Array) => Uint8Array;

  constructor(convert: (data: Uint8Array) => Uint8Array) {
    this.#convert = convert;
  }

  run(data: Uint8Array, into: Uint8Array): number | undefined {
    try {
      const all = this.#convert(data);
      into.set(all.subarray(0, into.length));
      return Math.min(all.length, into.length);
    } catch {
      return undefined;
    }
  }

  close(): void {}
}

let verdict: boolean | undefined;

function isDrivable(): boolean {
  return (verdict ??= canDrive());
}

/** Whether a context can be driven here: a message there and back, twice, and broken data between. */
function canDrive(): boolean {
  try {
    const text = Buffer.from("to and fro ".repeat(20));
    const expected = deflateRawSync(text, { finishFlush: flush });
    const deflater = new DrivenContext(createDeflateRaw());
    const inflater = new DrivenContext(createInflateRaw());
    const broken = new DrivenContext(createInflateRaw());
    const into = Buffer.alloc(2 * text.length);
    let isRight = broken.run(Buffer.from("abcdefghijkl"), into) === undefined;
    for (let time = 0; time < 2; time++) {
      const deflated = into.subarray(0, deflater.run(text, into));
      isRight &&= deflated.equals(expected);
      isRight &&= inflater.run(expected, into) === text.length;
      isRight &&= into.subarray(0, text.length).equals(text);
    }
    for (const context of [deflater, inflater, broken]) context.close();
    return isRight;
  } catch {
    return false;
  }
}

/** @param windowBits - 9 to 15: how far back the receiver can look (RFC 7692, 7.1.2). */
export function deflateContext(windowBits: number): ZlibContext {
  return isDrivable()
    ? new DrivenContext(createDeflateRaw({ windowBits }))
    : new PlainContext((data) =>
        deflateRawSync(data, { windowBits, finishFlush: flush }),
      );
}

/** Takes what was deflated with any window. */
export function inflateContext(): ZlibContext {
  return isDrivable()
    ? new DrivenContext(createInflateRaw())
    : new PlainContext((data) => inflateRawSync(data, { finishFlush: flush }));
}
