import { isIP } from "node:net";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { workingFolder } from "../working-folder.ts";
import { isSendableCloseCode, SENDABLE_CLOSE_CODES } from "../rfc6455.ts";
import { expandAddress } from "./addresses.ts";
import { normalizeOrigin } from "./normalize-origin.ts";
import type { OptionKind, OptionSpec, OptionValue } from "./table.ts";
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
} from "./units.ts";

const HOST_NAME = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?\.?$/i;
/** Long enough that nobody guesses it, and fit for a header as it is. */
const SECRET = /^[\x21-\x7e]{16,256}$/;
/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

/** Returned instead of a value that an option does not take. */
export const REFUSED: unique symbol = Symbol("refused");

type Narrowed = OptionValue | typeof REFUSED;

/**
 * Narrows one given value to what its option holds, or refuses it. Text is
 * taken for every kind, because that is all that flags and environments have.
 */
export function narrow(spec: OptionSpec, given: unknown): Narrowed {
  const value = typeof given === "string" ? given.trim() : given;
  if (typeof value === "string" && spec.words?.includes(value)) return value;
  const narrowed = narrowers[spec.kind](value);
  if (typeof narrowed !== "number") {
    return spec.choices === undefined || isOneOf(spec.choices, narrowed)
      ? narrowed
      : REFUSED;
  }
  const { min = 0, max = Infinity } = spec;
  if (spec.orZero === true && narrowed === 0) return narrowed;
  return Number.isInteger(narrowed) && narrowed >= min && narrowed <= max
    ? narrowed
    : REFUSED;
}

/** What an option takes, for messages and tables: `an integer from 1 to 256`. */
export function describeAccepted(spec: OptionSpec): string {
  const words = spec.words?.map((word) => `"${word}"`) ?? [];
  const description = descriptions[spec.kind];
  const described =
    typeof description === "string" ? description : description(spec);
  const value = spec.orZero === true ? `0 or ${described}` : described;
  if (words.length === 0) return value;
  return `${words.join(", ")} or ${value}`;
}

const descriptions: Readonly<
  Record<OptionKind, string | ((spec: OptionSpec) => string)>
> = {
  port: describeInteger,
  integer: describeInteger,
  duration: ({ min = 0, max = 0 }) =>
    `a duration such as "8s", "500ms" or a number of milliseconds, from ${formatDuration(min)} to ${max}ms`,
  bytes: ({ min = 0, max = 0 }) =>
    `a size such as "64KiB" or a number of bytes, from ${formatSize(min)} to ${formatSize(max)}`,
  closeCode: `a close code that may be sent: ${SENDABLE_CLOSE_CODES}`,
  host: "an IP address or a host name, without scheme or port",
  file: "the path of a file",
  module: "the path or the file URL of a module",
  choice: ({ choices = [] }) =>
    choices.map((choice) => `"${choice}"`).join(" or "),
  boolean: "true or false",
  origins:
    "a list of origins such as https://app.example.com or https://*.example.com",
  servers:
    "a list of NATS servers such as nats://127.0.0.1:4222 or tls://nats.example.com",
  name: "a word of at most 64 letters, digits, - and _",
  addresses: 'a list of IP addresses and CIDR blocks, "loopback" and "private"',
  tokens: "a list of names of subprotocols such as mqtt or v12.stomp",
  hosts: "a list of host names, without scheme or port",
  secret: "16 to 256 printable ASCII characters without spaces",
  url: "a WebSocket URL such as ws://127.0.0.1:5000",
};

function describeInteger({ min = 0, max = 0 }: OptionSpec): string {
  return `an integer from ${min} to ${max}`;
}

const narrowers: Readonly<Record<OptionKind, (value: unknown) => Narrowed>> = {
  port: toNumber,
  integer: toNumber,
  closeCode: (value) => {
    const code = toNumber(value);
    return typeof code === "number" && isSendableCloseCode(code)
      ? code
      : REFUSED;
  },
  duration: (value) => withUnit(value, parseDuration),
  bytes: (value) => withUnit(value, parseSize),
  host: (value) => {
    if (typeof value !== "string") return REFUSED;
    return isIP(value) !== 0 || HOST_NAME.test(value) ? value : REFUSED;
  },
  file: (value) => {
    const path = toFilePath(value);
    return path === undefined ? REFUSED : resolve(workingFolder, path);
  },
  module: (value) => {
    // A data: URL is a module of its own: nothing to look up, nothing to resolve.
    if (/^data:/i.test(String(value))) return String(value);
    const path = toFilePath(value);
    if (path === undefined) return REFUSED;
    return pathToFileURL(resolve(workingFolder, path)).href;
  },
  choice: (value) => (typeof value === "string" ? value : REFUSED),
  boolean: (value) => {
    if (typeof value === "boolean") return value;
    if (typeof value !== "string") return REFUSED;
    return BOOLEANS[value.toLowerCase()] ?? REFUSED;
  },
  servers: (value) => toList(value, (entry) => wrap(normalizeServer(entry))),
  name: (value) =>
    typeof value === "string" && /^[\w-]{1,64}$/.test(value) ? value : REFUSED,
  origins: (value) => toList(value, (entry) => wrap(normalizeOrigin(entry))),
  addresses: (value) => toList(value, expandAddress),
  tokens: (value) =>
    toList(value, (entry) => (TOKEN.test(entry) ? [entry] : undefined)),
  hosts: (value) =>
    toList(value, (entry) =>
      HOST_NAME.test(entry) ? [entry.toLowerCase()] : undefined,
    ),
  secret: (value) =>
    typeof value === "string" && SECRET.test(value) ? value : REFUSED,
  url: (value) => {
    const text = String(value);
    return /^wss?:\/\//i.test(text) && URL.canParse(text) ? text : REFUSED;
  },
};

function isOneOf(choices: readonly string[], value: Narrowed): boolean {
  return choices.some((choice) => choice === value);
}

function toNumber(value: unknown): number | typeof REFUSED {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^\d{1,15}$/.test(value)
    ? Number(value)
    : REFUSED;
}

function withUnit(
  value: unknown,
  parse: (text: string) => number | undefined,
): number | typeof REFUSED {
  const plain = toNumber(value);
  if (plain !== REFUSED || typeof value !== "string") return plain;
  return parse(value) ?? REFUSED;
}

function toFilePath(value: unknown): string | undefined {
  if (!(value instanceof URL) && typeof value !== "string") return undefined;
  const text = String(value);
  if (text === "") return undefined;
  if (!/^file:/i.test(text)) {
    return value instanceof URL || /^[a-z][a-z0-9+.-]+:\/\//i.test(text)
      ? undefined
      : text;
  }
  // Throws for a URL with a host, or with an encoded slash in its path.
  try {
    return fileURLToPath(text);
  } catch {
    return undefined;
  }
}

/** A NATS server's URL in full; a bare host is one too. */
function normalizeServer(entry: string): string | undefined {
  const text = entry.includes("://") ? entry : `nats://${entry}`;
  if (!/^(?:nats|tls):\/\//.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const isBare = url.pathname === "" || url.pathname === "/";
  if (url.hostname === "" || !isBare || url.search !== "") return undefined;
  if (url.port === "") url.port = "4222";
  return url.href.replace(/\/$/, "");
}

function wrap(value: string | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : [value];
}

/** Flags and environments separate by commas; code and config files use arrays. */
function toList(
  value: unknown,
  expand: (entry: string) => readonly string[] | undefined,
): readonly string[] | typeof REFUSED {
  const entries = typeof value === "string" ? value.split(",") : value;
  if (!Array.isArray(entries)) return REFUSED;
  const list = new Set<string>();
  for (const entry of entries as readonly unknown[]) {
    if (typeof entry !== "string") return REFUSED;
    if (entry.trim() === "") continue;
    const expanded = expand(entry.trim());
    if (expanded === undefined) return REFUSED;
    for (const item of expanded) list.add(item);
  }
  return [...list];
}
