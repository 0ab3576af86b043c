import { METHODS } from "node:http";
import { type Framing, framingOf } from "./framing.ts";
import { listHas } from "./characters.ts";
import type { HandshakeFields, HandshakeRequest } from "./handshake-fields.ts";
import type { OriginRule } from "./origins.ts";
import { refusal } from "./refusal.ts";
import type {
  HttpAnswer,
  Refusal,
  RefusalDetails,
  RefusalReason,
} from "./refusal.ts";
import { authorityOf } from "./request-head.ts";
import type { RequestHead } from "./request-head.ts";
import { parseSubprotocols } from "./subprotocols.ts";

/** What an upgrade is held against. */
export interface HandshakePolicy {
  /** Made once from the option with `originRule`. */
  readonly allowsOrigin: OriginRule;
  /** Whether new traffic is wanted: what `/readyz` answers. */
  readonly ready: boolean;
  /** Whether the connection is TLS, for the URL in the hint. */
  readonly secure?: boolean;
  /** Whether the handlers answer plain HTTP. */
  readonly takesRequests?: boolean;
}

/** What is to be done with a request. */
export type Verdict =
  | {
      readonly kind: "upgrade";
      readonly key: string;
      /** The subprotocols offered, in the client's order of preference. */
      readonly protocols: readonly string[];
      /** The header Sec-WebSocket-Extensions, or `""`. */
      readonly extensions: string;
    }
  | (Refusal & { readonly kind: "refuse" })
  /** Plain HTTP, for the handlers to answer. */
  | { readonly kind: "request"; readonly framing: Framing }
  | (Required<HttpAnswer> & {
      readonly kind: "plain";
      readonly reason: "health" | RefusalReason;
    });

const KEY = /^[A-Za-z0-9+/]{22}==$/u;
/** What may be repeated to the client in a hint: nothing that needs escaping anywhere. */
const PLAIN_PATH = /^\/[A-Za-z0-9\-._~/]{0,200}$/u;
/**
 * A path that the URL parser of browsers and Node takes for another one: behind
 * `//` it expects a host (RFC 3986 section 4.2), a backslash is a slash to it,
 * and dot segments are gone (section 5.2.4). Who decides by `path`, by `new URL`,
 * or in a proxy in front would each decide about something else.
 */
const AMBIGUOUS_PATH = /^\/\/|\\|\/(?:\.|%2e){1,2}(?:\/|$)/iu;
const ALLOW_PLAIN = "GET, HEAD";

/**
 * Judges a request (RFC 6455 section 4.2.1): an upgrade with what the answer
 * needs, a refusal, plain HTTP for the handlers, or plain HTTP with its whole
 * answer.
 *
 * `/healthz` is always 200, for as long as someone is there to say so, and
 * `/readyz` is 200 or 503: a server that drains is alive, and restarting it would
 * cut what it drains.
 *
 * @param isProbe - It is the server's own connection, with which it tries a shard.
 */
export function judgeRequest(
  request: HandshakeRequest,
  policy: HandshakePolicy,
  isProbe = false,
): Verdict {
  const { head, fields } = request;
  const { method } = head;
  if (fields.upgrade === undefined || !listHas(fields.upgrade, "websocket")) {
    return policy.takesRequests === true && !isHealthCheck(head, method)
      ? examineRequest(head, fields, method, isProbe)
      : examinePlain(head, fields, method, policy);
  }
  const refuse = (reason: RefusalReason, body?: string): Verdict => ({
    kind: "refuse",
    ...refusal(reason, {
      isHead: method === "HEAD",
      ...(body !== undefined && { body }),
    }),
  });
  if (fields.isHttp10) return refuse("http-version");
  if (method !== "GET") return refuse("method");
  if (fields.hasBody) return refuse("bad-request", BODY);
  if (!hasUsableTarget(head, fields)) return refuse("bad-request", TARGET);
  // Handlers know the server's own connection by it, and may trust it with more.
  if (fields.probe !== undefined && !isProbe)
    return refuse("bad-request", PROBE);
  if (AMBIGUOUS_PATH.test(head.path)) return refuse("bad-request", PATH);
  if (!listHas(fields.connection ?? "", "upgrade")) {
    return refuse("bad-request", CONNECTION);
  }
  if (fields.version !== "13") return refuse("version");
  const { key, origin } = fields;
  if (key === undefined || !KEY.test(key)) return refuse("key");
  if (origin !== undefined && !policy.allowsOrigin(origin, fields.host)) {
    return refuse("origin");
  }
  const protocols = parseSubprotocols(fields.protocols);
  if (protocols === undefined) return refuse("bad-request", PROTOCOLS);
  return {
    kind: "upgrade",
    key,
    protocols,
    extensions: fields.extensions ?? "",
  };
}

const BODY = "An upgrade must not have a body.\n";
const TARGET =
  "The request target must be a path, or a URL of the host that the Host header names.\n";
const PATH =
  "The path must have one meaning: no // at its start, no backslash, no segments . and .. in it.\n";
const PROBE = "The header Sluice-Probe is the server's own.\n";
const CONNECTION =
  "The header Connection must have Upgrade. If a proxy stands in between, let it pass on the headers Connection and Upgrade.\n";
const PROTOCOLS =
  "The header Sec-WebSocket-Protocol must be a list of different names.\n";

const FRAMING =
  "The body must have one length: Content-Length, or Transfer-Encoding with chunked and nothing else, in HTTP/1.1.\n";
const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS);

/** What a load balancer asks is answered by the server, whatever the handlers are. */
function isHealthCheck({ path }: RequestHead, method: string): boolean {
  const asks = method === "GET" || method === "HEAD";
  return asks && (path === "/healthz" || path === "/readyz");
}

/**
 * Judges a request that the handlers are to answer. Whatever a server behind or
 * before this one could take for another request is refused (RFC 9112 section
 * 6.3, 11.2).
 */
function examineRequest(
  head: RequestHead,
  fields: HandshakeFields,
  method: string,
  isProbe: boolean,
): Verdict {
  const refuse = (reason: RefusalReason, body?: string): Verdict => ({
    kind: "refuse",
    ...refusal(reason, {
      isHead: method === "HEAD",
      ...(body !== undefined && { body }),
    }),
  });
  // A tunnel is no request of this server (RFC 9110 section 9.3.6).
  if (method === "CONNECT" || !KNOWN_METHODS.has(method))
    return refuse("method-unknown");
  const isOfServer = method === "OPTIONS" && head.target === "*";
  if (!isOfServer && !hasUsableTarget(head, fields))
    return refuse("bad-request", TARGET);
  if (!isProbe && fields.probe !== undefined)
    return refuse("bad-request", PROBE);
  const framing = framingOf(fields);
  return framing === undefined
    ? refuse("bad-request", FRAMING)
    : { kind: "request", framing };
}

function examinePlain(
  head: RequestHead,
  fields: HandshakeFields,
  method: string,
  policy: HandshakePolicy,
): Verdict {
  const isHead = method === "HEAD";
  const plain = (reason: RefusalReason, details: RefusalDetails): Verdict => ({
    kind: "plain",
    ...refusal(reason, { isHead, ...details }),
  });
  const { path } = head;
  const isProbe = path === "/healthz" || path === "/readyz";
  if (!isHead && method !== "GET") {
    return plain("method", isProbe ? { headers: { Allow: ALLOW_PLAIN } } : {});
  }
  if (isProbe) {
    const isWell = path === "/healthz" || policy.ready;
    return {
      kind: "plain",
      reason: "health",
      status: isWell ? 200 : 503,
      headers: { "Cache-Control": "no-store" },
      body: isWell ? "ok\n" : "not ready\n",
      isHead,
    };
  }
  // Load balancers probe with HTTP/1.0, so only here does it end.
  if (fields.isHttp10) return plain("http-version", {});
  return plain("upgrade-required", { body: hint(fields.host, path, policy) });
}

function hint(host: string, path: string, policy: HandshakePolicy): string {
  const scheme = policy.secure === true ? "wss" : "ws";
  const shown = PLAIN_PATH.test(path) ? path : "/";
  return `This is a WebSocket endpoint. Connect to it with a WebSocket client:\n\n  new WebSocket("${scheme}://${host}${shown}")\n`;
}

/**
 * A path, or an absolute URL that agrees with Host and is one to `new URL` too
 * (RFC 9112 sections 3.2.1 and 3.2.2).
 */
function hasUsableTarget(head: RequestHead, fields: HandshakeFields): boolean {
  const { target } = head;
  if (target.startsWith("/")) return true;
  const authority = authorityOf(target)?.toLowerCase();
  if (authority === "" || authority !== fields.host.toLowerCase()) return false;
  return URL.canParse(target);
}
