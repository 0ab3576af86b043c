import type { IncomingMessage, ServerResponse } from "node:http";
import type { Refusal } from "./api.ts";

const MAX_BODY_BYTES = 16 * 1024;

/** A call that is answered with a status and one sentence. */
export class CallError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

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

  /** @throws CallError 413 when there is more than anyone needs to say here. */
  async text(): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES)
        throw new CallError(413, `a body of more than ${MAX_BODY_BYTES} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  /**
   * The body as an object; an empty one where there is none.
   *
   * @throws CallError 400, 413.
   */
  async body(): Promise<Readonly<Record<string, unknown>>> {
    const text = await this.text();
    if (text === "") return {};
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === "object" && value !== null && !Array.isArray(value))
        return value as Record<string, unknown>;
    } catch {
      // Said below, as for JSON of another kind.
    }
    throw new CallError(400, "the body takes a JSON object");
  }
}
