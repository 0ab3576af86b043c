import { SluiceError } from "../../errors.ts";
import type { Authorization } from "../../handlers.ts";
import { isToken } from "./characters.ts";
import { refusalResponse } from "./refusal.ts";

type Accepted = Extract<Authorization<unknown>, { accept: true }>;
type Refused = Extract<Authorization<unknown>, { accept: false }>;

const FIELDS: Readonly<Record<"true" | "false", ReadonlySet<string>>> = {
  true: new Set(["accept", "data", "subprotocol"]),
  false: new Set(["accept", "status", "body", "headers"]),
};
/** Of a text that is shown in a message. */
const MAX_SHOWN = 40;

/**
 * Narrows what `authorize` has returned, field by field: it decides who gets in,
 * and JavaScript takes a `"false"` out of a database for true. Nothing at all
 * accepts.
 *
 * @param offered - The subprotocols of the client.
 * @returns a copy, so that each field was read once.
 * @throws SluiceError `ERR_SLUICE_HANDLERS` for a field that is none, or has a
 *   value that it does not take. Values that may be secret are not shown.
 */
export function narrowAuthorization(
  decision: unknown,
  offered: readonly string[],
): Accepted | Refused {
  if (decision === undefined) return { accept: true };
  if (typeof decision !== "object" || decision === null)
    throw refused(
      `returned ${describe(decision)}; it takes { accept: true, data?, subprotocol? }, { accept: false, status, body?, headers? } or nothing`,
    );
  const fields = new Map<string, unknown>(Object.entries(decision));
  const accept = fields.get("accept");
  if (typeof accept !== "boolean")
    throw refused(`returned accept: ${describe(accept)}; it takes true, false`);
  const known = FIELDS[`${accept}`];
  for (const name of fields.keys())
    if (!known.has(name))
      throw refused(
        `returned ${JSON.stringify(name.slice(0, MAX_SHOWN))} beside accept: ${accept}; it takes ${[...known].join(", ")}`,
      );
  return accept ? narrowAccepted(fields, offered) : narrowRefused(fields);
}

function narrowAccepted(
  fields: ReadonlyMap<string, unknown>,
  offered: readonly string[],
): Accepted {
  const data = fields.get("data");
  const subprotocol = fields.get("subprotocol");
  if (subprotocol === undefined) return { accept: true, data };
  if (subprotocol === null) return { accept: true, data, subprotocol };
  // RFC 6455, 4.2.2: one of those that the client offered, or none.
  if (typeof subprotocol !== "string" || !offered.includes(subprotocol))
    throw refused(
      `chose the subprotocol ${describe(subprotocol)}; it takes null for none, or one that the client offered: ${JSON.stringify(offered)}`,
    );
  return { accept: true, data, subprotocol };
}

function narrowRefused(fields: ReadonlyMap<string, unknown>): Refused {
  const status = fields.get("status");
  const body = fields.get("body");
  const headers = fields.get("headers");
  if (typeof status !== "number" || !(status >= 300))
    throw refused(
      `returned the status ${describe(status)}; it takes a number from 300 to 599`,
    );
  if (body !== undefined && typeof body !== "string")
    throw refused(`returned the body ${describe(body)}; it takes a string`);
  const lines = narrowHeaders(headers);
  const narrowed: Refused = {
    accept: false,
    status,
    ...(body !== undefined && { body }),
    ...(lines !== undefined && { headers: lines }),
  };
  // Throws for what cannot be written.
  refusalResponse(narrowed);
  return narrowed;
}

function narrowHeaders(
  headers: unknown,
): Readonly<Record<string, string>> | undefined {
  if (headers === undefined) return undefined;
  if (typeof headers !== "object" || headers === null)
    throw refused(
      `returned the headers ${describe(headers)}; it takes an object such as { "WWW-Authenticate": "Basic" }`,
    );
  const entries = Object.entries(headers).map(([name, value]: unknown[]) => {
    if (typeof name === "string" && isToken(name) && typeof value === "string")
      return [name, value] as const;
    throw refused(
      `returned the header ${describe(name)} with ${describe(value)}; it takes strings`,
    );
  });
  return Object.fromEntries(entries);
}

/** Names a foreign value without running any of its code. */
function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string")
    return value.length > MAX_SHOWN ? "a long string" : JSON.stringify(value);
  if (typeof value === "object") return "an object";
  return typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : typeof value;
}

function refused(message: string): SluiceError {
  return new SluiceError("ERR_SLUICE_HANDLERS", `authorize ${message}`);
}
