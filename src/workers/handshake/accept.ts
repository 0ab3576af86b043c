import { hash } from "node:crypto";
import { SluiceError } from "../../errors.ts";
import { isFieldValue, isToken } from "./characters.ts";
import { headerLines } from "./response-headers.ts";
import type { ResponseHeaders } from "./response-headers.ts";

/** The GUID of RFC 6455 section 1.3. */
const WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const HANDSHAKE_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-protocol",
  "transfer-encoding",
  "upgrade",
]);

/** What the answer to an accepted upgrade says. */
export interface Acceptance {
  /** The client's Sec-WebSocket-Key, as sent. */
  readonly key: string;
  /** The subprotocol chosen among those that the client offered. */
  readonly protocol?: string | undefined;
  /** The negotiated extensions, formatted as a header value. */
  readonly extensions?: string | undefined;
  /** More headers, from the user's handler: a cookie, for example. */
  readonly headers?: ResponseHeaders | undefined;
}

/**
 * Sec-WebSocket-Accept for a client's key: base64(SHA-1(key + GUID)), RFC 6455
 * section 4.2.2.
 */
export function acceptKey(key: string): string {
  return hash("sha1", key + WEBSOCKET_GUID, "base64");
}

/**
 * The 101 response, complete. It is latin1: write it with that encoding.
 *
 * @throws SluiceError `ERR_SLUICE_HANDLERS` for a subprotocol that is no token,
 *   and for a header that belongs to the handshake or could not be written safely.
 */
export function acceptResponse(acceptance: Acceptance): string {
  const { key, protocol, extensions, headers } = acceptance;
  let response = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n`;
  if (protocol !== undefined) {
    if (!isToken(protocol)) {
      throw new SluiceError(
        "ERR_SLUICE_HANDLERS",
        `${JSON.stringify(protocol)} is not a subprotocol: it must be one of those that the client offered`,
      );
    }
    response += `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  }
  if (extensions !== undefined && extensions !== "") {
    if (!isFieldValue(extensions)) {
      throw new SluiceError(
        "ERR_SLUICE_HANDLERS",
        `${JSON.stringify(extensions)} is not a value for Sec-WebSocket-Extensions`,
      );
    }
    response += `Sec-WebSocket-Extensions: ${extensions}\r\n`;
  }
  if (headers !== undefined)
    response += headerLines(headers, HANDSHAKE_HEADERS);
  return `${response}\r\n`;
}
