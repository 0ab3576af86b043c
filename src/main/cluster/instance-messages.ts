import { createHash } from "node:crypto";

/** NATS bounds the line that carries a subject; longer topics go by their hash. */
const MAX_TOKEN_LENGTH = 512;
const FORMAT = 0x10;
const TEXT = 0x1;
const BINARY = 0x2;
const TAG_BYTES = 8;
const HEADER_BYTES = 1 + TAG_BYTES + 4;

/** A message between instances. */
export interface InstanceMessage {
  /** Of the process that publishes, 16 hexadecimal digits. */
  readonly tag: string;
  /** Counts that process's messages to the topic, from 0. */
  readonly sequence: number;
  readonly isBinary: boolean;
  readonly payload: Buffer;
}

/** Subjects of one cluster. */
export class Subjects {
  readonly #prefix: string;

  constructor(cluster: string) {
    this.#prefix = `sluice.${cluster}`;
  }

  get count(): string {
    return `${this.#prefix}.count`;
  }

  /**
   * A topic's subject, one token that is legible where the topic is: what NATS
   * gives a meaning to, and all that is not printable ASCII, is written `=2E`.
   */
  topic(topic: string): string {
    let token = "";
    for (const byte of Buffer.from(topic)) {
      const character = String.fromCodePoint(byte);
      token += /[\w/:@,;~!-]/.test(character)
        ? character
        : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
      if (token.length > MAX_TOKEN_LENGTH) {
        token = `#${createHash("sha256").update(topic).digest("hex")}`;
        break;
      }
    }
    return `${this.#prefix}.topic.${token}`;
  }
}

export function encodeMessage({
  tag,
  sequence,
  isBinary,
  payload,
}: InstanceMessage): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  bytes[0] = FORMAT | (isBinary ? BINARY : TEXT);
  bytes.write(tag, 1, "hex");
  bytes.writeUInt32BE(sequence, 1 + TAG_BYTES);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** @returns undefined for what is no message of this format, such as one of a later version */
export function decodeMessage(data: Uint8Array): InstanceMessage | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const isBinary = bytes[0] === (FORMAT | BINARY);
  if (
    bytes.length < HEADER_BYTES ||
    (!isBinary && bytes[0] !== (FORMAT | TEXT))
  )
    return undefined;
  return {
    tag: bytes.toString("hex", 1, 1 + TAG_BYTES),
    sequence: bytes.readUInt32BE(1 + TAG_BYTES),
    isBinary,
    payload: bytes.subarray(HEADER_BYTES),
  };
}
