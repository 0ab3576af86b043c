import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { describeForeign } from "../../foreign-value.ts";
import { isThenable } from "../hooks.ts";
import {
  type PlainHost,
  type PlainOwner,
  PlainStream,
} from "./plain-stream.ts";

/** What an application is told of a client that has left; it need not be an error of its own. */
const LEFT: ReadonlySet<string> = new Set([
  "ECONNRESET",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_STREAM_DESTROYED",
  "ABORT_ERR",
]);

/** What the server asks of its shard. */
export interface PlainServerHost extends Omit<PlainHost, "maxTrailerBytes"> {
  readonly config: {
    readonly maxHeaderBytes: number;
    readonly keepAliveDeadlineMs: number;
  };
  readonly hooks: {
    request(request: IncomingMessage, response: ServerResponse): unknown;
  };
  /** The shard outlasts this work. */
  track(work: PromiseLike<void>): void;
  reportHookFailure(
    connection: PlainOwner,
    hook: "request",
    error: unknown,
  ): void;
}

/**
 * The plain HTTP of one shard: a server of Node's that never listens, and is
 * given one connection after the other. Limits of heads and all deadlines are
 * our own; it only parses what has passed, and writes the answers.
 */
export class PlainServer {
  readonly #host: PlainServerHost;
  readonly #streams: PlainHost;
  readonly #server: Server;
  readonly #owners = new WeakMap<PlainStream, PlainOwner>();

  constructor(host: PlainServerHost) {
    this.#host = host;
    const { maxHeaderBytes, keepAliveDeadlineMs } = host.config;
    this.#streams = {
      clock: host.clock,
      counters: host.counters,
      get isLeaving() {
        return host.isLeaving;
      },
      maxTrailerBytes: maxHeaderBytes,
    };
    this.#server = createServer({
      // What a head may be has been decided: here it may be more.
      maxHeaderSize: 2 * maxHeaderBytes,
      keepAliveTimeout: keepAliveDeadlineMs,
      headersTimeout: 0,
      requestTimeout: 0,
    });
    // It would drop headers beyond its count without a word.
    this.#server.maxHeadersCount = 0;
    this.#server.on("request", (request, response) =>
      this.#take(request, response),
    );
    this.#server.on("checkExpectation", (request, response) => {
      if (streamOf(request)?.begin(request, response) === true)
        response.writeHead(417).end();
      else request.socket.destroy();
    });
  }

  /** Gives a connection to the server. */
  open(owner: PlainOwner): PlainStream {
    const stream = new PlainStream(owner, this.#streams);
    this.#owners.set(stream, owner);
    this.#server.emit("connection", stream);
    return stream;
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const stream = streamOf(request);
    // Nobody has let this request pass.
    if (stream?.begin(request, response) !== true) {
      request.socket.destroy();
      return;
    }
    const owner = this.#owners.get(stream) as PlainOwner;
    try {
      const result = this.#host.hooks.request(request, response);
      if (!isThenable(result)) return;
      const answered = Promise.resolve(result).then(
        () => {},
        (error: unknown) => this.#fail(owner, response, error),
      );
      this.#host.track(answered);
    } catch (error) {
      this.#fail(owner, response, error);
    }
  }

  /** What a listener throws costs its own request, and nobody else's. */
  #fail(owner: PlainOwner, response: ServerResponse, error: unknown): void {
    // Whoever stops because its client has left has not failed.
    const hasLeft = response.destroyed && !response.writableFinished;
    if (hasLeft && LEFT.has(codeOf(error))) return;
    this.#host.reportHookFailure(owner, "request", error);
    if (response.headersSent) {
      // The client must not take half of an answer for all of it.
      if (!response.writableEnded) response.destroy();
      return;
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.writeHead(500, {
      Connection: "close",
      "Content-Type": "text/plain; charset=utf-8",
    });
    response.end("The server failed to answer this request.\n");
  }
}

function streamOf({ socket }: IncomingMessage): PlainStream | undefined {
  return socket instanceof PlainStream ? socket : undefined;
}

function codeOf(error: unknown): string {
  return describeForeign(error).code ?? "";
}
