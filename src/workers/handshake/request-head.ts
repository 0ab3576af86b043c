import { trimWhitespace } from "./characters.ts";

/**
 * The head of a request, as a connection keeps it for its whole life: one latin1
 * string of the bytes that came, and nothing else. Everything is read from it
 * when it is asked for, so an idle connection pays for the text alone and no
 * socket buffer stays alive behind it.
 *
 * The text must have passed the strict reader: this class trusts it.
 */
export class RequestHead {
  /** Request line and header lines with their CRLFs and the empty line. */
  readonly raw: string;

  constructor(raw: string) {
    this.raw = raw;
  }

  /** The method, as sent: methods are case-sensitive. */
  get method(): string {
    return this.raw.slice(0, this.raw.indexOf(" "));
  }

  /** The request target, as sent: usually path and query, undecoded. */
  get target(): string {
    const start = this.raw.indexOf(" ") + 1;
    return this.raw.slice(start, this.raw.indexOf(" ", start));
  }

  /** The path of the target: undecoded, without its query and without scheme and host. */
  get path(): string {
    const { target } = this;
    const start = target.startsWith("/") ? 0 : endOfAuthority(target);
    const query = target.indexOf("?", start);
    return target.slice(start, query === -1 ? undefined : query) || "/";
  }

  /**
   * All header fields by lower-case name, repeated ones joined with `", "` (and
   * `cookie` with `"; "`, RFC 6265bis section 5.8). Read anew from the raw head
   * on every access: take it into a variable, or ask {@link header} for one.
   */
  get headers(): Record<string, string> {
    // Without a prototype, a field that is called `constructor` is only a field.
    const fields: Record<string, string> = Object.create(null);
    const { raw } = this;
    for (let start = firstLine(raw); start < raw.length - 2;) {
      const end = raw.indexOf("\r\n", start);
      const colon = raw.indexOf(":", start);
      const name = raw.slice(start, colon).toLowerCase();
      const value = trimWhitespace(raw.slice(colon + 1, end));
      fields[name] = joined(name, fields[name], value);
      start = end + 2;
    }
    return fields;
  }

  /**
   * One header field, or `undefined` when it was not sent. Cheaper than
   * {@link headers} and joined in the same way.
   *
   * @param name the field name, in any case.
   */
  header(name: string): string | undefined {
    const wanted = name.toLowerCase();
    const { raw } = this;
    let found: string | undefined;
    for (let start = firstLine(raw); start < raw.length - 2;) {
      const end = raw.indexOf("\r\n", start);
      const colon = raw.indexOf(":", start);
      if (
        colon - start === wanted.length &&
        raw.slice(start, colon).toLowerCase() === wanted
      ) {
        const value = trimWhitespace(raw.slice(colon + 1, end));
        found = joined(wanted, found, value);
      }
      start = end + 2;
    }
    return found;
  }
}

/**
 * The host and port that an absolute-form target names (`http://host:1/path`,
 * RFC 9112 section 3.2.2), or `undefined` when the target has another form.
 */
export function authorityOf(target: string): string | undefined {
  const scheme = /^(?:http|ws)s?:\/\//iu.exec(target)?.[0];
  return scheme === undefined
    ? undefined
    : target.slice(scheme.length, endOfAuthority(target));
}

function endOfAuthority(target: string): number {
  const start = target.indexOf("://") + 3;
  const length = target.slice(start).search(/[/?]/u);
  return length === -1 ? target.length : start + length;
}

function firstLine(raw: string): number {
  return raw.indexOf("\r\n") + 2;
}

function joined(
  name: string,
  before: string | undefined,
  value: string,
): string {
  if (before === undefined) return value;
  return `${before}${name === "cookie" ? "; " : ", "}${value}`;
}
