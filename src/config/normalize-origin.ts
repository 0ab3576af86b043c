import { domainToASCII } from "node:url";

/** Scheme, wildcard, host and port, of which only the host must be there; a trailing slash is forgiven. */
const PATTERN =
  /^(?:(?<scheme>[a-z][a-z0-9+.-]*):\/\/)?(?<wildcard>\*\.)?(?<host>[^\s/*?#@:[\]]+|\[[0-9a-f:.]+\])(?<port>:(?:\d{1,5}|\*))?\/?$/i;

/**
 * One allowed origin as browsers spell theirs (RFC 6454 section 6.2): in lower
 * case, with an internationalized name in ASCII.
 *
 * @param entry - `https://app.example.com`, `https://*.example.com`,
 *   `http://localhost:*`, or `example.com` for every scheme.
 * @returns `undefined` for what is none: a path, a lone `*`, and `null`, the
 *   origin that every sandboxed page shares.
 */
export function normalizeOrigin(entry: string): string | undefined {
  const groups = PATTERN.exec(entry)?.groups;
  if (groups === undefined || entry === "null") return undefined;
  const { scheme, wildcard = "", host = "", port = "" } = groups;
  const name = host.startsWith("[") ? host : domainToASCII(host);
  if (name === "") return undefined;
  const prefix = scheme === undefined ? "" : `${scheme}://`;
  return `${prefix}${wildcard}${name}${port}`.toLowerCase();
}
