import { SluiceError } from "../../errors.ts";
import {
  CLASS_OF,
  COLON,
  CR,
  DELETE,
  isWhitespace,
  LF,
  SPACE,
  TAB,
  TARGET,
  TOKEN,
} from "./characters.ts";
import {
  FIELD_COUNT,
  FIELD_NAMES,
  fieldNamed,
  HANDSHAKE_FIELD,
  SINGLETONS,
} from "./handshake-fields.ts";
import type { HandshakeFields, HandshakeRequest } from "./handshake-fields.ts";
import { FAULTS, foreignProtocol } from "./head-faults.ts";
import { refusal } from "./refusal.ts";
import type { Refusal, RefusalReason } from "./refusal.ts";
import { RequestHead } from "./request-head.ts";

/** How much a request head may be. */
export interface HeadLimits {
  /** Bytes of the whole head, with its final empty line. */
  readonly maxHeaderBytes: number;
  /** Header lines; by default one for every 164 bytes of the head, at least 100. */
  readonly maxHeaderCount?: number;
  /** Bytes of the request target; by default half the head, at least 8,000 (RFC 9112 section 3). */
  readonly maxTargetBytes?: number;
}

/** What is known about a request after one more chunk. */
export type HeadProgress =
  | { readonly kind: "need-more" }
  | (HandshakeRequest & {
      readonly kind: "head";
      /** What followed the head in its last chunk: a view of it, not a copy. */
      readonly rest: Buffer;
    })
  | (Refusal & { readonly kind: "refuse" });

const NEED_MORE: HeadProgress = { kind: "need-more" };
const NOTHING = Buffer.alloc(0);
const INITIAL_CAPACITY_BYTES = 1024;
/** Shares of the head, so that one option lifts all three. */
const BYTES_PER_LINE = 164;
const FEWEST_LINES = 100;
const TARGET_SHARE = 0.5;
const SHORTEST_TARGET_BYTES = 8000;

const NO_SPANS: readonly number[] = Array.from(
  { length: 2 * FIELD_COUNT },
  () => 0,
);

/**
 * Reads the head of one request from the chunks of a socket, strictly (RFC 9110,
 * RFC 9112): what other parsers repair or ignore is refused here, so no proxy in
 * front can have read it differently.
 *
 * Every line is judged when it is complete, in order, and every byte is looked at
 * a fixed number of times however the chunks are cut. So the verdict does not
 * depend on the cut, and a request that is wrong early is refused early. A head
 * that comes in one chunk is read where it lies; of one that comes in several, the
 * bytes are copied together, never more than the limit.
 */
export class HeadReader {
  readonly #limits: HeadLimits;
  /** The bytes of earlier chunks, when there were any. */
  #earlier: Buffer | undefined;
  #earlierLength = 0;
  /** Up to where the bytes are known to be text, or whole lines. */
  #searched = 0;
  #lineStart = 0;
  #lines = 0;
  #isHttp10 = false;
  #isHead = false;
  #isDone = false;
  /** Start and end of the value of each handshake field; 0 is absent. */
  readonly #spans: number[] = [...NO_SPANS];
  /** A bit for each handshake field that came more than once. */
  #repeated = 0;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /**
   * Takes the next chunk. The reader keeps no reference to it. After a verdict
   * there is nothing more to push.
   *
   * @throws SluiceError `ERR_SLUICE_STATE` when a verdict was already given.
   */
  push(chunk: Buffer): HeadProgress {
    if (this.#isDone) {
      throw new SluiceError(
        "ERR_SLUICE_STATE",
        "the request head has already been read to its verdict",
      );
    }
    const { maxHeaderBytes } = this.#limits;
    const before = this.#earlierLength;
    const bytes = before === 0 ? chunk : this.#append(chunk);
    const end = Math.min(before + chunk.length, maxHeaderBytes);
    if (this.#lineStart === 0 && end > 0) {
      const fault = foreignProtocol(bytes[0]!);
      if (fault !== undefined) return this.#refuse("bad-request", fault);
    }
    let position = this.#searched;
    for (;;) {
      // The one look at every byte: on to the next that no value may have.
      while (position < end && isText(bytes[position]!)) position++;
      if (position + 1 >= end && (position === end || bytes[position] === CR)) {
        break;
      }
      if (bytes[position] !== CR || bytes[position + 1] !== LF) {
        return this.#refuse("bad-request", FAULTS.control);
      }
      const start = this.#lineStart;
      this.#lineStart = position + 2;
      if (start === 0) {
        const refused = this.#readRequestLine(bytes, position);
        if (refused !== undefined) return refused;
      } else if (position === start) {
        return this.#complete(bytes, position + 2, chunk, before);
      } else {
        const refused = this.#readFieldLine(bytes, start, position);
        if (refused !== undefined) return refused;
      }
      position += 2;
    }
    if (end === maxHeaderBytes) {
      return this.#refuse(
        this.#lineStart === 0 ? "target-too-long" : "header-too-large",
      );
    }
    if (before === 0 && end > 0) this.#append(chunk);
    this.#searched = position;
    return NEED_MORE;
  }

  /** Copies a chunk behind the earlier ones, as far as the limit, and gives them all. */
  #append(chunk: Buffer): Buffer {
    const { maxHeaderBytes } = this.#limits;
    const length = Math.min(this.#earlierLength + chunk.length, maxHeaderBytes);
    let earlier = this.#earlier;
    if (earlier === undefined || earlier.length < length) {
      const capacity = Math.max(INITIAL_CAPACITY_BYTES, 2 * length);
      const larger = Buffer.allocUnsafeSlow(Math.min(capacity, maxHeaderBytes));
      earlier?.copy(larger, 0, 0, this.#earlierLength);
      this.#earlier = earlier = larger;
    }
    chunk.copy(earlier, this.#earlierLength);
    this.#earlierLength = length;
    return earlier;
  }

  /** `METHOD SP target SP HTTP/1.1`, single spaces, nothing around (RFC 9112 section 3). */
  #readRequestLine(bytes: Buffer, end: number): HeadProgress | undefined {
    let position = 0;
    while (position < end && isOf(bytes[position]!, TOKEN)) position++;
    const methodEnd = position++;
    while (position < end && isOf(bytes[position]!, TARGET)) position++;
    const targetEnd = position;
    const version = bytes.toString("latin1", targetEnd + 1, end);
    if (
      methodEnd === 0 ||
      bytes[methodEnd] !== SPACE ||
      targetEnd === methodEnd + 1 ||
      bytes[targetEnd] !== SPACE ||
      !/^HTTP\/\d\.\d$/u.test(version)
    ) {
      return this.#refuse("bad-request", FAULTS.requestLine);
    }
    if (
      version === "HTTP/2.0" &&
      bytes.toString("latin1", 0, methodEnd) === "PRI"
    ) {
      return this.#refuse("bad-request", FAULTS.http2);
    }
    if (version !== "HTTP/1.1" && version !== "HTTP/1.0") {
      return this.#refuse("http-version");
    }
    this.#isHttp10 = version === "HTTP/1.0";
    this.#isHead = methodEnd === 4 && bytes.toString("latin1", 0, 4) === "HEAD";
    const {
      maxHeaderBytes,
      maxTargetBytes = Math.max(
        SHORTEST_TARGET_BYTES,
        maxHeaderBytes * TARGET_SHARE,
      ),
    } = this.#limits;
    return targetEnd - methodEnd - 1 > maxTargetBytes
      ? this.#refuse("target-too-long")
      : undefined;
  }

  /** `name ":" OWS value OWS` (RFC 9112 section 5), of which all is known to be text. */
  #readFieldLine(
    bytes: Buffer,
    start: number,
    end: number,
  ): HeadProgress | undefined {
    const {
      maxHeaderBytes,
      maxHeaderCount = Math.max(FEWEST_LINES, maxHeaderBytes / BYTES_PER_LINE),
    } = this.#limits;
    if (++this.#lines > maxHeaderCount) return this.#refuse("header-too-large");
    let colon = start;
    while (colon < end && isOf(bytes[colon]!, TOKEN)) colon++;
    if (colon === start || bytes[colon] !== COLON) {
      return this.#refuse(
        "bad-request",
        isWhitespace(bytes[start]) ? FAULTS.fold : FAULTS.fieldName,
      );
    }
    let valueStart = colon + 1;
    const field = fieldNamed(bytes, start, colon);
    if (field === undefined) return undefined;
    let valueEnd = end;
    while (valueStart < valueEnd && isWhitespace(bytes[valueStart])) {
      valueStart++;
    }
    while (valueEnd > valueStart && isWhitespace(bytes[valueEnd - 1])) {
      valueEnd--;
    }
    if (this.#spans[2 * field] !== 0) {
      if (SINGLETONS.has(field)) {
        return this.#refuse("bad-request", FAULTS.repeated);
      }
      this.#repeated |= 1 << field;
      return undefined;
    }
    this.#spans[2 * field] = valueStart;
    this.#spans[2 * field + 1] = valueEnd;
    return undefined;
  }

  #complete(
    bytes: Buffer,
    end: number,
    chunk: Buffer,
    before: number,
  ): HeadProgress {
    const head = new RequestHead(bytes.toString("latin1", 0, end));
    const contentLength = this.#value(head, HANDSHAKE_FIELD.contentLength);
    const transferEncoding = this.#value(
      head,
      HANDSHAKE_FIELD.transferEncoding,
    );
    const host = this.#value(head, HANDSHAKE_FIELD.host);
    if (host === undefined ? !this.#isHttp10 : !HOST.test(host)) {
      return this.#refuse("bad-request", FAULTS.host);
    }
    if (contentLength !== undefined && !/^\d+$/u.test(contentLength)) {
      return this.#refuse("bad-request", FAULTS.contentLength);
    }
    const fields: HandshakeFields = {
      isHttp10: this.#isHttp10,
      hasBody:
        transferEncoding !== undefined || !/^0*$/u.test(contentLength ?? ""),
      contentLength,
      transferEncoding,
      host: host ?? "",
      upgrade: this.#value(head, HANDSHAKE_FIELD.upgrade),
      connection: this.#value(head, HANDSHAKE_FIELD.connection),
      origin: this.#value(head, HANDSHAKE_FIELD.origin),
      key: this.#value(head, HANDSHAKE_FIELD.key),
      version: this.#value(head, HANDSHAKE_FIELD.version),
      protocols: this.#value(head, HANDSHAKE_FIELD.protocols),
      extensions: this.#value(head, HANDSHAKE_FIELD.extensions),
      probe: this.#value(head, HANDSHAKE_FIELD.probe),
    };
    this.#finish();
    const used = end - before;
    const rest = used === chunk.length ? NOTHING : chunk.subarray(used);
    return { kind: "head", head, fields, rest };
  }

  #value(head: RequestHead, field: number): string | undefined {
    const start = this.#spans[2 * field]!;
    if (start === 0) return undefined;
    return (this.#repeated & (1 << field)) === 0
      ? head.raw.slice(start, this.#spans[2 * field + 1])
      : head.header(FIELD_NAMES[field]!);
  }

  #refuse(reason: RefusalReason, body?: string): HeadProgress {
    const details = {
      isHead: this.#isHead,
      ...(body !== undefined && { body }),
    };
    this.#finish();
    return { kind: "refuse", ...refusal(reason, details) };
  }

  #finish(): void {
    this.#isDone = true;
    this.#earlier = undefined;
  }
}

/** A name, an IPv4 address or a bracketed IPv6 address, with or without a port. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%]*)(?::\d*)?$/u;

/**
 * Whether a byte may be in a line: what a field value may have (RFC 9110 section
 * 5.5). Compared instead of looked up, for it is asked about every byte.
 */
function isText(byte: number): boolean {
  return (byte >= SPACE && byte !== DELETE) || byte === TAB;
}

function isOf(byte: number, wanted: number): boolean {
  return (CLASS_OF[byte]! & wanted) !== 0;
}
