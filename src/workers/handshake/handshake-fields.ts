import type { RequestHead } from "./request-head.ts";

/** The header fields that decide an upgrade; a repeated list is joined with `", "`. */
export interface HandshakeFields {
  readonly isHttp10: boolean;
  /** A Transfer-Encoding, or a Content-Length that is not 0. */
  readonly hasBody: boolean;
  readonly contentLength: string | undefined;
  readonly transferEncoding: string | undefined;
  /** `""` when HTTP/1.0 came without one. */
  readonly host: string;
  readonly upgrade: string | undefined;
  readonly connection: string | undefined;
  readonly origin: string | undefined;
  readonly key: string | undefined;
  readonly version: string | undefined;
  readonly protocols: string | undefined;
  readonly extensions: string | undefined;
  readonly probe: string | undefined;
}

/** A request whose head is complete and well-formed. Keep `head`; let `fields` go. */
export interface HandshakeRequest {
  readonly head: RequestHead;
  readonly fields: HandshakeFields;
}

/** The fields that are found while the head is validated, by index. */
export const HANDSHAKE_FIELD = {
  host: 0,
  upgrade: 1,
  connection: 2,
  origin: 3,
  key: 4,
  version: 5,
  protocols: 6,
  extensions: 7,
  contentLength: 8,
  transferEncoding: 9,
  probe: 10,
} as const;

/** The lower-case names, by index. */
export const FIELD_NAMES: readonly string[] = [
  "host",
  "upgrade",
  "connection",
  "origin",
  "sec-websocket-key",
  "sec-websocket-version",
  "sec-websocket-protocol",
  "sec-websocket-extensions",
  "content-length",
  "transfer-encoding",
  "sluice-probe",
];

export const FIELD_COUNT = FIELD_NAMES.length;

/** Fields of which a request has at most one: two readers might pick different ones. */
export const SINGLETONS: ReadonlySet<number> = new Set([
  HANDSHAKE_FIELD.host,
  HANDSHAKE_FIELD.origin,
  HANDSHAKE_FIELD.key,
  HANDSHAKE_FIELD.version,
  HANDSHAKE_FIELD.contentLength,
]);

/** Candidates by length of the name: most headers of a request have none. */
const FIELDS_BY_LENGTH: readonly (readonly number[])[] = Array.from(
  { length: 1 + Math.max(...FIELD_NAMES.map((name) => name.length)) },
  (_, length) =>
    FIELD_NAMES.flatMap((name, field) => (name.length === length ? field : [])),
);

const FIELD_BYTES: readonly Uint8Array[] = FIELD_NAMES.map((name) =>
  Buffer.from(name, "latin1"),
);

const NO_FIELDS: readonly number[] = [];

/**
 * The handshake field of which `bytes[start, end)` is the name, in any case, or
 * `undefined` when it is another one. The bytes must be a token.
 */
export function fieldNamed(
  bytes: Uint8Array,
  start: number,
  end: number,
): number | undefined {
  for (const field of FIELDS_BY_LENGTH[end - start] ?? NO_FIELDS) {
    if (isNamed(bytes, start, FIELD_BYTES[field]!)) return field;
  }
  return undefined;
}

function isNamed(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let index = 0; index < name.length; index++) {
    // Bit 5 is the case of an ASCII letter. Of the other characters of a token,
    // only CR would become the hyphen by it, and CR is none.
    if ((bytes[start + index]! | 0x20) !== name[index]) return false;
  }
  return true;
}
