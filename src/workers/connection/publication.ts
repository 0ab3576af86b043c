import { contentOf, type SharedFrames } from "../../topics/shared-frames.ts";
import {
  COMPRESSION_THRESHOLD_BYTES,
  type Deflation,
  type Publication,
} from "../websocket/compression.ts";
import { AT_ONCE_BYTES, type DeflatePool } from "../websocket/deflate-pool.ts";
import type { SharedPins } from "../websocket/shared-pins.ts";

/** Messages to one topic, framed without compression. */
export interface PublishedRun {
  /** All frames, behind each other. */
  readonly bytes: Buffer;
  /** The same, one by one. */
  readonly frames: readonly Buffer[];
}

/** What compressing a publication takes of its shard. */
export interface DeflationParts {
  readonly pool: Pick<DeflatePool, "deflateNow" | "deflateLater">;
  readonly frames: SharedFrames;
  /** What is kept in memory meanwhile, counted once for all who wait. */
  readonly pins: Pick<SharedPins, "add" | "delete">;
}

/**
 * A publication as compressed subscribers get it. Those who keep no window get
 * the same bytes, which are made once for each size of window, when the first
 * of them asks.
 */
export class SharedPublication implements Publication {
  readonly #run: PublishedRun;
  readonly #parts: DeflationParts;
  readonly #deflations = new Map<number, Deflation>();

  constructor(run: PublishedRun, parts: DeflationParts) {
    this.#run = run;
    this.#parts = parts;
  }

  get messages(): { payload: Buffer; isBinary: boolean }[] {
    return this.#run.frames.map(contentOf);
  }

  deflated(windowBits: number): Deflation {
    let deflation = this.#deflations.get(windowBits);
    if (deflation === undefined) {
      deflation = new SharedDeflation(this.#run, this.#parts, windowBits);
      this.#deflations.set(windowBits, deflation);
    }
    return deflation;
  }
}

/** At work as soon as it is there. */
class SharedDeflation implements Deflation {
  readonly length: number;
  frames: Buffer | null = null;
  readonly #run: PublishedRun;
  readonly #parts: DeflationParts;
  readonly #windowBits: number;
  readonly #pieces: Buffer[] = [];
  #listeners: (() => void)[] = [];
  #bytesAtOnce = AT_ONCE_BYTES;

  constructor(run: PublishedRun, parts: DeflationParts, windowBits: number) {
    this.#run = run;
    this.#parts = parts;
    this.#windowBits = windowBits;
    this.length = run.bytes.length;
    const { pins } = parts;
    const { buffer } = run.bytes;
    pins.add(buffer);
    this.#goOn(0, () => {
      pins.delete(buffer);
      this.frames = joined(this.#pieces);
      const listeners = this.#listeners;
      this.#listeners = [];
      for (const listener of listeners) listener();
    });
  }

  whenReady(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Takes frame by frame, as far as it goes at once. */
  #goOn(from: number, done: () => void): void {
    const { frames } = this.#run;
    const { pool } = this.#parts;
    for (let index = from; index < frames.length; index++) {
      const frame = frames[index] as Buffer;
      const { payload, isBinary } = contentOf(frame);
      const { length } = payload;
      if (length < COMPRESSION_THRESHOLD_BYTES)
        this.#add(payload, isBinary, undefined);
      else if (length <= this.#bytesAtOnce) {
        this.#bytesAtOnce -= length;
        const deflated = pool.deflateNow(payload, this.#windowBits);
        this.#add(payload, isBinary, deflated);
      } else {
        pool.deflateLater(payload, this.#windowBits, (deflated) => {
          this.#add(payload, isBinary, deflated);
          this.#goOn(index + 1, done);
        });
        return;
      }
    }
    done();
  }

  #add(payload: Buffer, isBinary: boolean, deflated: Buffer | undefined): void {
    const isShorter =
      deflated !== undefined && deflated.length < payload.length;
    const sent = isShorter ? deflated : payload;
    const { memory, start, end } = this.#parts.frames.frame(
      sent,
      sent.length,
      isBinary,
      isShorter,
    );
    this.#pieces.push(Buffer.from(memory, start, end - start));
  }
}

/** As one piece: as they lie, where they lie behind each other. */
function joined(pieces: readonly Buffer[]): Buffer {
  const [first] = pieces as [Buffer, ...Buffer[]];
  let end = first.byteOffset;
  for (const { buffer, byteOffset, length } of pieces) {
    if (buffer !== first.buffer || byteOffset !== end)
      return Buffer.concat(pieces);
    end += length;
  }
  return Buffer.from(first.buffer, first.byteOffset, end - first.byteOffset);
}
