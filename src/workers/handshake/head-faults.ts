import { CLASS_OF, TOKEN } from "./characters.ts";

const TLS_RECORD_HANDSHAKE = 0x16;

/** What is wrong with a head, as its client reads it: fixed texts, so nothing of it is sent back. */
export const FAULTS = {
  tls: "This port speaks plain HTTP, and a TLS handshake arrived: connect with ws:// instead of wss://.\n",
  http2:
    "HTTP/2 is not spoken here: a WebSocket connects with an HTTP/1.1 upgrade.\n",
  noHttp: "What arrived is not HTTP.\n",
  control:
    "A line must end with CR LF, and there must be no other control character.\n",
  requestLine:
    "The request line must be a method, a target and HTTP/1.1, with one space between.\n",
  fold: "A header must not be continued on the next line.\n",
  fieldName:
    "A header must begin with its name, directly followed by a colon.\n",
  repeated: "A header that can be sent only once was repeated.\n",
  host: "There must be exactly one valid Host header.\n",
  contentLength: "The header Content-Length must be a number.\n",
} as const;

/** A first byte that cannot begin a method: what speaks here would never send a line. */
export function foreignProtocol(first: number): string | undefined {
  if ((CLASS_OF[first]! & TOKEN) !== 0) return undefined;
  return first === TLS_RECORD_HANDSHAKE ? FAULTS.tls : FAULTS.noHttp;
}
