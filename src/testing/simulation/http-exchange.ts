/** HTTP/1.1 as a caller of the inspector speaks it (RFC 9112), on bytes. */

/** One call of the inspector's API. */
export interface InspectorCall {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Reads so long at most, and leaves then: for streams, which end with the server. */
  readonly leaveAfterMs?: number;
  /** Breaks off in the middle of its request. */
  readonly breaksOff?: boolean;
  /** It is a mistake, and has to be refused with this status. */
  readonly refusedWith?: number;
}

/** What came back, as far as it has come. */
export interface HttpAnswer {
  readonly status: number;
  /** By name, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** It has come as a whole, by its own account. */
  readonly isWhole: boolean;
}

const HEAD_END = "\r\n\r\n";
const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [\w' -]+$/;
const FIELD = /^([!#$%&'*+.^`|~\w-]+):[ \t]*(.*?)[ \t]*$/;

/** The bytes of a call; each has a connection of its own. */
export function requestOf(call: InspectorCall): Buffer {
  const { method, path, headers, body } = call;
  const isRead = method === "GET" || method === "HEAD";
  const sent: Record<string, string> = {
    Host: "127.0.0.1:8081",
    Connection: "close",
    ...(!isRead && {
      "Sluice-Request": "1",
      "Content-Type": "application/json",
      "Content-Length": String(Buffer.byteLength(body)),
    }),
    ...headers,
  };
  const lines = Object.entries(sent)
    // What is given as nothing is left out.
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(
    `${[`${method} ${path} HTTP/1.1`, ...lines].join("\r\n")}${HEAD_END}${body}`,
  );
}

/**
 * Reads an answer, as far as it has come.
 *
 * @param method - Of the call: the answer to a HEAD has no body.
 * @returns `undefined` until its head is whole
 * @throws Error when it is no HTTP
 */
export function readAnswer(
  bytes: Buffer,
  method: string,
): HttpAnswer | undefined {
  const at = bytes.indexOf(HEAD_END);
  if (at === -1) return undefined;
  const [first = "", ...lines] = bytes
    .subarray(0, at)
    .toString("latin1")
    .split("\r\n");
  const status = Number(STATUS_LINE.exec(first)?.[1]);
  if (Number.isNaN(status)) throw new Error(`the status line is ${first}`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw new Error(`a header is ${line}`);
    const key = name.toLowerCase();
    if (key in headers) throw new Error(`${name} is there twice`);
    headers[key] = value;
  }
  const rest = bytes.subarray(at + HEAD_END.length);
  const { body, isWhole } = readBody(rest, headers, method === "HEAD");
  return { status, headers, body, isWhole };
}

function readBody(
  bytes: Buffer,
  headers: Readonly<Record<string, string>>,
  hasNone: boolean,
): Pick<HttpAnswer, "body" | "isWhole"> {
  if (headers["transfer-encoding"] === "chunked") return readChunks(bytes);
  const length = Number(headers["content-length"]);
  if (!Number.isInteger(length))
    throw new Error(`the length is ${headers["content-length"]}`);
  const expected = hasNone ? 0 : length;
  if (bytes.length > expected)
    throw new Error(`${bytes.length - expected} bytes follow the answer`);
  return { body: bytes, isWhole: bytes.length === expected };
}

function readChunks(bytes: Buffer): Pick<HttpAnswer, "body" | "isWhole"> {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf("\r\n", at);
    const body = Buffer.concat(parts);
    if (end === -1) return { body, isWhole: false };
    const size = bytes.subarray(at, end).toString("latin1");
    if (!/^[\da-f]+$/i.test(size)) throw new Error(`a chunk's size is ${size}`);
    const from = end + 2;
    const to = from + Number.parseInt(size, 16);
    if (bytes.length < to + 2) return { body, isWhole: false };
    if (to === from) return { body, isWhole: true };
    parts.push(bytes.subarray(from, to));
    at = to + 2;
  }
}
