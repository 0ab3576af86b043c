import type {
  IncomingHttpHeaders,
  IncomingMessage,
  ServerResponse,
} from "node:http";
import type { Refusal } from "./api.ts";
import { CallError } from "./call-error.ts";
import { type Fields, readBody, readQuery } from "./fields.ts";

const MAX_BODY_BYTES = 16 * 1024;
/** What bodies may be called: JSON, and what `fetch` and `curl` call text that nobody has named. */
const BODY_TYPES = [
  "application/json",
  "text/plain",
  "application/x-www-form-urlencoded",
];

/** Sent with everything: nothing from elsewhere is loaded, framed or kept. */
const HEADERS = {
  "Cache-Control": "no-store",
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  // Under `no-referrer` a browser would send the form with the origin `null`.
  "Referrer-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
} as const;

/** One request with what is needed to answer it. */
export class Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** What the placeholders of the route's path stand for. */
  params: Readonly<Record<string, string>> = {};

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request;
    this.response = response;
    this.method = request.method ?? "";
    const target = request.url ?? "/";
    const at = target.indexOf("?");
    this.path = at === -1 ? target : target.slice(0, at);
    this.query = new URLSearchParams(at === -1 ? "" : target.slice(at + 1));
  }

  send(
    status: number,
    type: string,
    body: string | Buffer,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    this.response.writeHead(status, {
      ...HEADERS,
      "Content-Type": type,
      "Content-Length": Buffer.byteLength(body),
      ...headers,
    });
    this.response.end(this.method === "HEAD" ? undefined : body);
  }

  json(value: unknown, status = 200): void {
    this.send(status, "application/json; charset=utf-8", JSON.stringify(value));
  }

  refuse(
    status: number,
    error: string,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    const refusal: Refusal = { error };
    this.send(
      status,
      "application/json; charset=utf-8",
      JSON.stringify(refusal),
      headers,
    );
  }

  /** Begins an answer that goes on until one side ends it (text/event-stream). */
  beginStream(): void {
    this.response.writeHead(200, {
      ...HEADERS,
      "Content-Type": "text/event-stream",
      // Proxies must not collect what is meant to be seen now.
      "X-Accel-Buffering": "no",
    });
    this.response.flushHeaders();
  }

  /**
   * What the caller gives beside the path: a reading call in its query, any
   * other in its body. Nothing else is looked at, so nothing else may be there.
   *
   * @param takes - The names of the fields that there are.
   * @throws CallError 400, 413, 415: a mistake must not aim a call at everyone.
   */
  async given(takes: readonly string[]): Promise<Fields> {
    const isReading = this.method === "GET" || this.method === "HEAD";
    if (isReading) return readQuery(this.query, takes);
    const [name] = this.query.keys();
    if (name !== undefined)
      throw new CallError(
        400,
        `got ${JSON.stringify(name.slice(0, 64))} in the query; a ${this.method} takes its fields in the body, as JSON`,
      );
    return readBody(await this.text(), takes);
  }

  /**
   * The body as text.
   *
   * @throws CallError 413 when there is more than anyone needs to say here, 415
   *   when it is not plain UTF-8, and 400 when it says so and is not.
   */
  async text(): Promise<string> {
    refuseEncoded(this.request.headers);
    const body = await this.#bytes();
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(body);
    } catch {
      throw new CallError(400, "the body is no UTF-8");
    }
  }

  /** What is too much is still read, and dropped: whoever is cut off while he sends hears no reason. */
  #bytes(): Promise<Buffer> {
    const { request } = this;
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
      else
        reject(
          new CallError(
            413,
            `the body takes at most ${MAX_BODY_BYTES} bytes of JSON`,
          ),
        );
    });
    request.once("end", () => resolve(Buffer.concat(chunks)));
    request.once("close", () =>
      reject(new CallError(400, "the body broke off")),
    );
    return promise;
  }
}

function refuseEncoded(headers: IncomingHttpHeaders): void {
  const { "content-type": given = "", "content-encoding": encoding } = headers;
  if (encoding !== undefined && encoding.toLowerCase() !== "identity")
    throw new CallError(
      415,
      `Content-Encoding: got ${JSON.stringify(encoding.slice(0, 64))}, takes none`,
    );
  const [type = "", ...parameters] = given
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  const charset = parameters.find((part) => part.startsWith("charset="));
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  if ((type !== "" && !BODY_TYPES.includes(type)) || !isUtf8)
    throw new CallError(
      415,
      `Content-Type: got ${JSON.stringify(given.slice(0, 64))}, takes ${BODY_TYPES[0]} in UTF-8`,
    );
}
