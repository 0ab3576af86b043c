import {
  CLASS_OF,
  COLON,
  CR,
  DELETE,
  LF,
  SPACE,
  TAB,
  TOKEN,
} from "../handshake/characters.ts";
import type { Framing } from "../handshake/framing.ts";

/** A chunk of more bytes is none that anybody sends. */
const MAX_SIZE_DIGITS = 8;

/** Where in a body the next byte is. */
type Part =
  | "data"
  | "size"
  | "size end"
  | "data end"
  | "data line end"
  | "trailer"
  | "trailer name"
  | "trailer value"
  | "trailer end"
  | "last end"
  | "over";

/**
 * Finds where the body of a request ends, without keeping any of it. It is as
 * strict as the reader of heads: chunks have no extensions, and every line ends
 * with CR LF, so that nobody else can see another end (RFC 9112 section 7.1).
 */
export class BodyReader {
  #part: Part;
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;
  #digits = 0;
  /** What trailers may still have, all together. */
  #trailerRoom: number;

  constructor(framing: Framing, maxTrailerBytes: number) {
    this.#trailerRoom = maxTrailerBytes;
    if (framing === "chunked") this.#part = "size";
    else {
      this.#left = framing;
      this.#part = framing === 0 ? "over" : "data";
      this.#isChunked = false;
    }
  }

  readonly #isChunked: boolean = true;

  get isOver(): boolean {
    return this.#part === "over";
  }

  /**
   * Takes the next bytes.
   *
   * @returns how many of them are the body's; `undefined` when it is malformed
   */
  take(chunk: Uint8Array): number | undefined {
    let at = 0;
    while (at < chunk.length && this.#part !== "over") {
      if (this.#part === "data") at += this.#skip(chunk.length - at);
      else if (!this.#read(chunk[at++] as number)) return undefined;
    }
    return at;
  }

  /** Of the data, as much as there is. */
  #skip(available: number): number {
    const taken = Math.min(this.#left, available);
    this.#left -= taken;
    if (this.#left === 0) this.#part = this.#isChunked ? "data end" : "over";
    return taken;
  }

  /** One byte of what is around the data; false when it may not be there. */
  #read(byte: number): boolean {
    switch (this.#part) {
      case "size":
        return this.#readSize(byte);
      case "size end":
        this.#digits = 0;
        return this.#expect(byte, LF, this.#left === 0 ? "trailer" : "data");
      case "data end":
        return this.#expect(byte, CR, "data line end");
      case "data line end":
        return this.#expect(byte, LF, "size");
      case "trailer":
        return byte === CR
          ? this.#expect(byte, CR, "last end")
          : this.#readTrailer(isToken(byte), "trailer name");
      case "trailer name":
        return byte === COLON
          ? this.#readTrailer(true, "trailer value")
          : this.#readTrailer(isToken(byte), "trailer name");
      case "trailer value":
        return byte === CR
          ? this.#expect(byte, CR, "trailer end")
          : this.#readTrailer(isText(byte), "trailer value");
      case "trailer end":
        return this.#expect(byte, LF, "trailer");
      case "last end":
        return this.#expect(byte, LF, "over");
      case "data":
      case "over":
        break;
    }
    // No byte of these is looked at.
    return false;
  }

  #readSize(byte: number): boolean {
    if (byte === CR)
      return this.#digits > 0 && this.#expect(byte, CR, "size end");
    const digit = hexDigit(byte);
    if (digit === undefined || ++this.#digits > MAX_SIZE_DIGITS) return false;
    this.#left = this.#left * 16 + digit;
    return true;
  }

  #readTrailer(isAllowed: boolean, next: Part): boolean {
    this.#part = next;
    return isAllowed && --this.#trailerRoom >= 0;
  }

  #expect(byte: number, wanted: number, next: Part): boolean {
    this.#part = next;
    return byte === wanted;
  }
}

function hexDigit(byte: number): number | undefined {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? undefined : digit;
}

function isToken(byte: number): boolean {
  return (CLASS_OF[byte]! & TOKEN) !== 0;
}

function isText(byte: number): boolean {
  return (byte >= SPACE && byte !== DELETE) || byte === TAB;
}
