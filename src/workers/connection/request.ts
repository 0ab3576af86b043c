import type { ConnectionRequest } from "../../handlers.ts";
import type { RequestHead } from "../handshake/request-head.ts";
import { parseSubprotocols } from "../handshake/subprotocols.ts";

/** Where a request came in. */
interface RequestOwner {
  readonly head: RequestHead | null;
  readonly remoteAddress: string;
}

/** What handlers are told of a request, read off its head when they ask. */
export class LiveRequest implements ConnectionRequest {
  readonly #connection: RequestOwner;
  #headers: Readonly<Record<string, string>> | undefined;

  constructor(connection: RequestOwner) {
    this.#connection = connection;
  }

  get url(): string {
    return this.#head.target;
  }

  get path(): string {
    return this.#head.path;
  }

  get headers(): Readonly<Record<string, string>> {
    return (this.#headers ??= this.#head.headers);
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  get subprotocols(): readonly string[] {
    return parseSubprotocols(this.#head.header("sec-websocket-protocol")) ?? [];
  }

  get #head(): RequestHead {
    return this.#connection.head as RequestHead;
  }
}
