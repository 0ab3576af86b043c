import { isToken, trimWhitespace } from "./characters.ts";

/**
 * The subprotocols that a client offers, in its order of preference.
 *
 * @param value the header Sec-WebSocket-Protocol, or `undefined` without one.
 * @returns the names; none without the header; `undefined` when the header breaks
 *   RFC 6455 section 4.1: a name that is no token, or one named twice.
 */
export function parseSubprotocols(
  value: string | undefined,
): readonly string[] | undefined {
  if (value === undefined) return [];
  const names = value.split(",").map(trimWhitespace);
  if (!names.every(isToken)) return undefined;
  return new Set(names).size === names.length ? names : undefined;
}
