import type { HandshakeFields } from "./handshake-fields.ts";

/** How a request says where it ends: so many bytes behind its head, or chunks. */
export type Framing = number | "chunked";

/** More digits would be no number of bytes that is exact. */
const MAX_LENGTH_DIGITS = 15;

/**
 * Where the body of a request ends (RFC 9112 section 6.3), or `undefined` when
 * two readers could see it end in different places: with both a length and a
 * transfer coding, with another coding than `chunked`, or with one in HTTP/1.0.
 */
export function framingOf({
  contentLength,
  transferEncoding,
  isHttp10,
}: Pick<HandshakeFields, "contentLength" | "transferEncoding" | "isHttp10">):
  Framing | undefined {
  if (transferEncoding !== undefined) {
    const isChunked = transferEncoding.toLowerCase() === "chunked";
    return isChunked && contentLength === undefined && !isHttp10
      ? "chunked"
      : undefined;
  }
  if (contentLength === undefined) return 0;
  return contentLength.length <= MAX_LENGTH_DIGITS
    ? Number(contentLength)
    : undefined;
}
