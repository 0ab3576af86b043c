/** Scheme, optional wildcard, host and optional port; a trailing slash is forgiven. */
const PATTERN =
  /^(?:(?<scheme>[a-z][a-z0-9+.-]*):\/\/)?(?<wildcard>\*\.)?(?<host>[^\s/*?#@:]+|\[[0-9a-f:.]+\])(?<port>:\d{1,5})?\/?$/i;

/**
 * The normal form of one allowed origin (RFC 6454 section 6.2), so that a
 * request's `Origin` can be compared as text.
 *
 * @param entry - `https://app.example.com`, `https://*.example.com`,
 *   `*.example.com` (any scheme and port) or `null` (sandboxed and local pages).
 * @returns `undefined` when it is none of them: a bare host, a path, a lone `*`.
 */
export function normalizeOrigin(entry: string): string | undefined {
  if (entry === "null") return entry;
  const groups = PATTERN.exec(entry)?.groups;
  if (groups === undefined) return undefined;
  const { scheme, wildcard = "", host = "", port = "" } = groups;
  if (scheme === undefined) {
    return wildcard === "" || port !== "" ? undefined : entry.toLowerCase();
  }
  const url = URL.parse(`${scheme}://${host}${port}`);
  if (url === null || url.host === "") return undefined;
  // A URL of a scheme that the platform does not know has the origin "null".
  return `${url.protocol}//${wildcard}${url.host.toLowerCase()}`;
}
