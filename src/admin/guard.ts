import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { isLoopback } from "../config/addresses.ts";

/** A request, as far as it decides whether it may pass. */
export interface GuardedRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** The address of ours that it came in on. */
  readonly localAddress: string | undefined;
}

export interface GuardPolicy {
  /** Asked of every call when set. */
  readonly token: string | undefined;
  /** Names that the listener answers to, besides its own addresses. */
  readonly hosts: readonly string[];
}

/** Why a request may not pass. */
export interface GuardRefusal {
  readonly status: 401 | 403 | 421;
  readonly message: string;
}

/** No web page can set a header of its own on a request to another origin without being asked first (and refused). */
export const REQUEST_HEADER = "sluice-request";
const COOKIE = "sluice-session";

/**
 * Decides who may speak to the admin listener. A web page in a browser on this
 * machine is the enemy: it can send requests to loopback, and by DNS rebinding
 * it can make them look like its own.
 */
export class Guard {
  readonly #tokenDigest: Buffer | undefined;
  readonly #hosts: ReadonlySet<string>;
  /** What a browser gets for the token, so that the token itself is not kept there. */
  readonly #session = randomBytes(32).toString("base64url");

  constructor({ token, hosts }: GuardPolicy) {
    this.#tokenDigest = token === undefined ? undefined : digest(token);
    this.#hosts = new Set(hosts);
  }

  get asksForToken(): boolean {
    return this.#tokenDigest !== undefined;
  }

  /** Refuses what another site may have sent, whoever it claims to be. */
  refuseForeign(request: GuardedRequest): GuardRefusal | undefined {
    const { method, headers, localAddress } = request;
    const { host, origin } = headers;
    if (host === undefined || !this.#isOwnHost(host, localAddress))
      return {
        status: 421,
        message: `the host ${JSON.stringify(host ?? "")} is none of this listener's; allow a name with adminHosts`,
      };
    const isOwnOrigin =
      origin === `http://${host}` || origin === `https://${host}`;
    if (origin !== undefined && !isOwnOrigin)
      return {
        status: 403,
        message: `the origin ${JSON.stringify(origin)} is not this page`,
      };
    const site = headers["sec-fetch-site"];
    const isNavigation = headers["sec-fetch-mode"] === "navigate";
    if (site === "cross-site" && !(isNavigation && method === "GET"))
      return { status: 403, message: "another site may not call this" };
    const isReading = method === "GET" || method === "HEAD";
    if (!isReading && !isOwnOrigin && headers[REQUEST_HEADER] === undefined)
      return {
        status: 403,
        message: `a ${method} needs the header ${REQUEST_HEADER}, with any value`,
      };
    return undefined;
  }

  /** Refuses whoever does not have the token, where one is set. */
  refuseStranger({ headers }: GuardedRequest): GuardRefusal | undefined {
    if (this.#tokenDigest === undefined) return undefined;
    const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1];
    if (bearer !== undefined && this.isToken(bearer)) return undefined;
    const session = readCookie(headers.cookie, COOKIE);
    if (session !== undefined && isSame(digest(session), digest(this.#session)))
      return undefined;
    return { status: 401, message: "a token is needed: Authorization: Bearer" };
  }

  isToken(given: string): boolean {
    return (
      this.#tokenDigest !== undefined &&
      isSame(digest(given), this.#tokenDigest)
    );
  }

  /** The cookie of whoever has given the token. */
  sessionCookie(): string {
    return `${COOKIE}=${this.#session}; HttpOnly; SameSite=Strict; Path=/`;
  }

  /**
   * An address can only be ours when the connection came in on it; a name only
   * when it is known, since any name can be made to resolve to any address.
   */
  #isOwnHost(host: string, localAddress: string | undefined): boolean {
    const name = hostName(host);
    if (name === undefined) return false;
    if (isLoopback(name) || this.#hosts.has(name)) return true;
    return isIP(name) !== 0 && name === withoutMapping(localAddress ?? "");
  }
}

/** The name or address in a `Host` header, in lower case and without brackets. */
function hostName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::\d{1,5})?$/i.exec(
    host,
  );
  const name = match?.[1] ?? match?.[2];
  return name?.toLowerCase().replace(/\.$/, "");
}

/** A dual-stack listener sees IPv4 as `::ffff:10.0.0.1`. */
function withoutMapping(address: string): string {
  return address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, "");
}

function readCookie(
  header: string | undefined,
  name: string,
): string | undefined {
  const cookies = (header ?? "").split(";").map((cookie) => cookie.trim());
  const found = cookies.find((cookie) => cookie.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

/** Digests have one length, so comparing them tells nothing of the token's. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function isSame(a: Buffer, b: Buffer): boolean {
  return timingSafeEqual(a, b);
}
