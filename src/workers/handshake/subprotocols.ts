import { isToken, trimWhitespace } from "./characters.ts";
import { SLUICE_V1 } from "./sluice-v1.ts";

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

/**
 * Chooses a subprotocol (RFC 6455 section 4.2.2): what is agreed on is spoken, so
 * only one that this server is known to speak, and none rather than another.
 *
 * @param chosen what `authorize` says: one of the offered, `null` for none,
 *   `undefined` where it leaves it to the option.
 * @param spoken the option `subprotocols`; {@link SLUICE_V1} is spoken without it.
 * @returns the first of the client's that is spoken, where it was left open.
 */
export function chooseSubprotocol(
  chosen: string | null | undefined,
  offered: readonly string[],
  spoken: readonly string[],
): string | undefined {
  if (chosen === undefined)
    return offered.find((name) => name === SLUICE_V1 || spoken.includes(name));
  return chosen ?? undefined;
}
