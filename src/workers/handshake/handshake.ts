import type { Config } from "../../config.ts";
import { describeForeign } from "../../foreign-value.ts";
import type { ConnectionRequest } from "../../handlers.ts";
import type { ConnectionEventType } from "../../machines/connection-machine.ts";
import type { HookName } from "../../protocol/hook-names.ts";
import type { Arrival } from "../../protocol/messages.ts";
import type { AddressLimit, Counted } from "./address-limit.ts";
import { acceptResponse } from "./accept.ts";
import { narrowAuthorization } from "./authorization.ts";
import type { Framing } from "./framing.ts";
import { HeadReader } from "./head-reader.ts";
import type { HandshakeRequest } from "./handshake-fields.ts";
import { type HttpAnswer, refusal, type RefusalReason } from "./refusal.ts";
import type { RequestHead } from "./request-head.ts";
import { greetingFrame, SLUICE_V1 } from "./sluice-v1.ts";
import { chooseSubprotocol } from "./subprotocols.ts";
import {
  judgeRequest,
  type HandshakePolicy,
  type Verdict,
} from "./judge-request.ts";
import { type Hooks, isThenable } from "../hooks.ts";
import { ownBytes } from "../websocket/message-memory.ts";
import {
  type CompressionAgreement,
  negotiateCompression,
} from "../websocket/ws-engine.ts";

type Asked = Extract<Verdict, { kind: "upgrade" }>;

/** A request of plain HTTP for the handlers, and what came behind its head: a view of the chunk. */
interface PlainRequest {
  readonly head: RequestHead;
  readonly framing: Framing;
  readonly rest: Buffer;
}

/** What a client may send before it has an answer, for which it has to wait (RFC 6455, 4.1). */
const MAX_EARLY_BYTES = 4 * 1024;
const NOTHING = Buffer.alloc(0);

/** When a client that was refused for want of room should try again, seconds. */
export const RETRY_AFTER_SECONDS = 5;

/** Reads the request; asks whether it is accepted; has its answer, or needs none any more. */
type Stage = "reading" | "asking" | "over";

/** What was decided about a request. */
export interface Answer extends HttpAnswer {
  reason: string;
}

/** What a handshake asks of its connection. */
export interface HandshakeOwner extends Counted {
  readonly id: string;
  readonly request: ConnectionRequest;
  readonly isHandshaking: boolean;
  head: RequestHead | null;
  data: unknown;
  subprotocol: string;
  tell(event: ConnectionEventType): void;
}

/** What it asks of the shard. */
export interface HandshakeHost {
  readonly config: Config;
  readonly handshakePolicy: HandshakePolicy;
  readonly hooks: Hooks;
  readonly addressLimit: AddressLimit | null;
  /** A browser's page that was not let in. */
  reportForeignOrigin(
    connection: HandshakeOwner,
    origin: string,
    host: string,
  ): void;
  /** The shard outlasts this work. */
  track(work: Promise<void>): void;
  reportHookFailure(
    connection: HandshakeOwner,
    hook: HookName,
    error: unknown,
  ): void;
}

/**
 * The opening handshake of one connection: reads the request, holds it against
 * the policy, asks the handlers, and tells the machine the verdict.
 */
export class Handshake {
  readonly #connection: HandshakeOwner;
  readonly #shard: HandshakeHost;
  readonly #arrival: Pick<Arrival, "isProbe" | "refusal">;
  readonly #reader: HeadReader;
  #abort: AbortController | null = null;
  /** The refusal, once there is one. */
  answer: Answer | undefined;
  /** What the handlers are to answer, where it is no upgrade. */
  requested: PlainRequest | undefined;
  /** The 101 response, once accepted. */
  acceptance: Buffer | undefined;
  /** Where messages are compressed: how. */
  compression: CompressionAgreement | undefined;
  /** What came behind the request, in order: the first frames. */
  early: Buffer[] = [];
  #earlyBytes = 0;
  #stage: Stage = "reading";

  constructor(
    connection: HandshakeOwner,
    shard: HandshakeHost,
    arrival: Pick<Arrival, "isProbe" | "refusal">,
  ) {
    this.#connection = connection;
    this.#shard = shard;
    this.#arrival = arrival;
    this.#reader = new HeadReader(shard.config);
  }

  /** Takes the next bytes of the request. */
  read(chunk: Buffer): void {
    if (this.#stage === "asking") return this.#keep(chunk);
    // After the verdict, bytes are of no interest.
    if (this.#stage === "over") return undefined;
    const progress = this.#reader.push(chunk);
    if (progress.kind === "need-more") return undefined;
    if (progress.kind === "refuse") return this.#refuse(progress);
    this.#stage = "asking";
    const { rest } = progress;
    if (rest.length > 0) this.early.push(rest);
    this.#judge(progress);
    if (!this.#isAsking) return undefined;
    this.early = [];
    return this.#keep(rest);
  }

  /** Nothing has been decided. */
  get #isAsking(): boolean {
    return this.#stage === "asking" && this.acceptance === undefined;
  }

  /**
   * Frames that come before the answer wait here, a few. Not in the kernel: who
   * does not read does not notice that a client has left, and would open the
   * connection for nobody.
   */
  #keep(chunk: Buffer): void {
    if (chunk.length === 0) return undefined;
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes > MAX_EARLY_BYTES)
      return this.#refuseFor(
        "bad-request",
        "The request is not answered yet, and too much has come behind it.\n",
      );
    this.early = [ownBytes(Buffer.concat([...this.early, chunk]))];
    return undefined;
  }

  /** It is too late to authorize. */
  abort(): void {
    this.#stage = "over";
    this.#abort?.abort();
  }

  #judge(request: HandshakeRequest): void {
    const connection = this.#connection;
    const shard = this.#shard;
    const { isProbe, refusal: refused } = this.#arrival;
    const verdict = judgeRequest(request, shard.handshakePolicy, isProbe);
    if (verdict.kind === "request") {
      if (refused !== undefined) return this.#refuseFor(refused);
      return this.#serve(request, verdict.framing);
    }
    if (verdict.kind !== "upgrade") {
      const { origin, host } = request.fields;
      if (verdict.reason === "origin")
        shard.reportForeignOrigin(connection, origin ?? "", host);
      return this.#refuse(verdict);
    }
    if (refused !== undefined) return this.#refuseFor(refused);
    connection.head = request.head;
    // Once the socket has closed, the system does not know its peer any more.
    void connection.remoteAddress;
    const { addressLimit } = shard;
    if (
      addressLimit === null ||
      isProbe === true ||
      addressLimit.has(connection)
    )
      return this.#authorize(verdict);
    addressLimit.ask(connection, (isAdmitted) => {
      if (!connection.isHandshaking) return;
      if (isAdmitted) this.#authorize(verdict);
      else this.#refuseFor("too-many-from-address");
    });
  }

  /** Plain HTTP: what follows is no affair of the handshake's. */
  #serve({ head }: HandshakeRequest, framing: Framing): void {
    const [rest = NOTHING] = this.early;
    this.#stage = "over";
    this.early = [];
    this.requested = { head, framing, rest };
    this.#connection.head = head;
    // Once the socket has closed, the system does not know its peer any more.
    void this.#connection.remoteAddress;
    this.#connection.tell("http.requested");
  }

  #authorize(asked: Asked): void {
    const connection = this.#connection;
    const shard = this.#shard;
    if (!shard.hooks.authorizes) return this.#accept(asked, {});
    this.#abort = new AbortController();
    try {
      const decision = shard.hooks.authorize(
        connection.request,
        this.#abort.signal,
      );
      if (!isThenable(decision)) return this.#decide(asked, decision);
      // Settled once, whatever its `then` does.
      const decided = Promise.resolve(decision).then(
        (verdict) => this.#decide(asked, verdict),
        (error: unknown) => this.#fail(error),
      );
      shard.track(decided);
    } catch (error) {
      this.#fail(error);
    }
    return undefined;
  }

  #decide(asked: Asked, decision: unknown): void {
    if (!this.#connection.isHandshaking) return;
    try {
      const authorization = narrowAuthorization(decision, asked.protocols);
      if (authorization.accept) this.#accept(asked, authorization);
      else this.#refuse(refusal(reasonOf(authorization.status), authorization));
    } catch (error) {
      this.#fail(error);
    }
  }

  #accept(
    asked: Asked,
    authorized: { data?: unknown; subprotocol?: string | null | undefined },
  ): void {
    const connection = this.#connection;
    const { config } = this.#shard;
    const subprotocol = chooseSubprotocol(
      authorized.subprotocol,
      asked.protocols,
      config.subprotocols,
    );
    let extensions: string | undefined;
    if (config.compression && asked.extensions !== "") {
      try {
        const agreed = negotiateCompression(
          asked.extensions,
          config.maxPayloadBytes,
          config.contextTakeover,
        );
        this.compression = agreed?.agreement;
        extensions = agreed?.header;
      } catch {
        return this.#refuseFor(
          "bad-request",
          "The header Sec-WebSocket-Extensions is malformed.\n",
        );
      }
    }
    connection.data = authorized.data;
    connection.subprotocol = subprotocol ?? "";
    const { key } = asked;
    const response = Buffer.from(
      acceptResponse({ key, protocol: subprotocol, extensions }),
      "latin1",
    );
    this.acceptance =
      subprotocol === SLUICE_V1
        ? Buffer.concat([
            response,
            greetingFrame(key, config.heartbeatIntervalMs),
          ])
        : response;
    connection.tell("upgrade.accepted");
    return undefined;
  }

  #fail(error: unknown): void {
    const connection = this.#connection;
    // Whoever was told that it is too late, and stops for that, has not failed.
    const isTooLate = this.#abort?.signal.aborted === true;
    if (isTooLate && describeForeign(error).name === "AbortError") return;
    this.#shard.reportHookFailure(connection, "authorize", error);
    this.#refuseFor("handler-failed");
  }

  #refuseFor(reason: RefusalReason, body?: string): void {
    this.#refuse(
      refusal(reason, {
        ...(body !== undefined && { body }),
        ...(reason.startsWith("too-many") && {
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        }),
      }),
    );
  }

  #refuse(answer: Answer): void {
    this.#stage = "over";
    this.early = [];
    this.answer = answer;
    this.#connection.tell("upgrade.refused");
  }
}

function reasonOf(status: number): RefusalReason {
  if (status === 401) return "unauthorized";
  return status === 404 ? "not-found" : "forbidden";
}
