import { SluiceError } from "../../errors.ts";
import { isFieldValue, isToken } from "./characters.ts";

/** Header fields of an answer, by name; an array is one line for each value. */
export type ResponseHeaders = Readonly<
  Record<string, string | readonly string[]>
>;

/**
 * Writes header fields as lines, each with its CRLF.
 *
 * A name or a value from a user's handler is refused rather than repaired: a
 * line break in it would let whoever chose the value write headers of their own.
 *
 * @param headers the fields, in the order in which they are written.
 * @param reserved lower-case names that belong to the handshake itself.
 * @throws SluiceError `ERR_SLUICE_HANDLERS` for a name that is no token, a name
 *   that is reserved, and a value with a control character or beyond latin1.
 */
export function headerLines(
  headers: ResponseHeaders,
  reserved: ReadonlySet<string>,
): string {
  let lines = "";
  for (const [name, value] of Object.entries(headers)) {
    if (!isToken(name)) {
      throw refused(`${JSON.stringify(name)} is not a header name`);
    }
    if (reserved.has(name.toLowerCase())) {
      throw refused(`the header ${name} is written by the handshake itself`);
    }
    for (const line of typeof value === "string" ? [value] : value) {
      if (typeof line !== "string" || !isFieldValue(line)) {
        throw refused(
          `the value of the header ${name} must be a string of latin1 without control characters`,
        );
      }
      lines += `${name}: ${line}\r\n`;
    }
  }
  return lines;
}

function refused(message: string): SluiceError {
  return new SluiceError("ERR_SLUICE_HANDLERS", message);
}
