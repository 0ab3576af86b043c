import { SluiceError } from "../../errors.ts";

/**
 * Which pages may connect: those of the host they connect to, all, or those of a
 * list: `https://app.example.com`, `https://*.example.com` (every name below, not
 * the name itself), `http://localhost:*` (every port), `example.com` (every
 * scheme). Without a port, the default port of the scheme is meant.
 */
export type Origins = "same" | "any" | readonly string[];

/** Decides about one Origin header, given the Host header of the same request. */
export type OriginRule = (origin: string, host: string) => boolean;

interface OriginPattern {
  readonly scheme: string | undefined;
  /** The host itself, or with its leading dot what the host must end with. */
  readonly host: string;
  readonly isSuffix: boolean;
  /** `""` is the default port of the scheme, `"*"` every port. */
  readonly port: string;
}

const ORIGIN =
  /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[^\s/:?#@[\]]+)(?::(\d+))?$/u;
const PATTERN =
  /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\*\.)?(\[[0-9a-f:.]+\]|[^\s/:?#@[\]*]+)(?::(\d+|\*))?$/u;

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  http: "80",
  https: "443",
};

/**
 * Narrows the option once into the rule that every upgrade is held against
 * (RFC 6455 section 10.2). An opaque origin (`null`) is foreign to all but `"any"`.
 *
 * @throws SluiceError `ERR_SLUICE_OPTION` for an entry of the list that is none.
 */
export function originRule(origins: Origins): OriginRule {
  if (origins === "any") return () => true;
  if (origins === "same") return isSameHost;
  const patterns = origins.map(parsePattern);
  return (origin) => {
    const parts = ORIGIN.exec(origin.toLowerCase());
    if (parts === null) return false;
    const [, scheme = "", host = "", given] = parts;
    const port = given === DEFAULT_PORTS[scheme] ? "" : (given ?? "");
    return patterns.some(
      (pattern) =>
        (pattern.scheme ?? scheme) === scheme &&
        (pattern.port === "*" || pattern.port === port) &&
        (pattern.isSuffix
          ? host.endsWith(pattern.host)
          : host === pattern.host),
    );
  };
}

function isSameHost(origin: string, host: string): boolean {
  // What a browser sends, spelled alike on both sides.
  if (host !== "" && origin === `http://${host}`) return true;
  if (host !== "" && origin === `https://${host}`) return true;
  const parts = ORIGIN.exec(origin.toLowerCase());
  if (parts === null) return false;
  const [, scheme = "", name = "", port] = parts;
  const defaultPort = DEFAULT_PORTS[scheme];
  const own =
    port === undefined || port === defaultPort ? name : `${name}:${port}`;
  // The Host header has no scheme: which port is the default, the origin says.
  const asked = host.toLowerCase();
  const suffix = `:${defaultPort}`;
  return (
    own === (asked.endsWith(suffix) ? asked.slice(0, -suffix.length) : asked)
  );
}

function parsePattern(entry: string): OriginPattern {
  const parts = PATTERN.exec(entry.toLowerCase());
  if (parts === null) {
    throw new SluiceError(
      "ERR_SLUICE_OPTION",
      `origins: ${JSON.stringify(entry)} is not an origin; give entries such as https://app.example.com, https://*.example.com or http://localhost:*`,
    );
  }
  const [, scheme, wildcard, host = "", port = ""] = parts;
  return {
    scheme,
    host: wildcard === undefined ? host : `.${host}`,
    isSuffix: wildcard !== undefined,
    port: scheme !== undefined && port === DEFAULT_PORTS[scheme] ? "" : port,
  };
}
