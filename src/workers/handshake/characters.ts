/**
 * What a byte may be part of, as bits: one look-up a byte is the whole cost of
 * the strict grammar. RFC 9110 section 5.6.2 (token), section 5.5 (field value)
 * and RFC 9112 section 3.2 (request target).
 */
export const TOKEN = 1;
export const VALUE = 2;
export const TARGET = 4;

export const CR = 13;
export const LF = 10;
export const SPACE = 32;
export const TAB = 9;
export const COLON = 58;
export const DELETE = 127;

/** The classes of every byte: a union of {@link TOKEN}, {@link VALUE} and {@link TARGET}. */
export const CLASS_OF: Uint8Array = classes();

function classes(): Uint8Array {
  const table = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const visible = byte > SPACE && byte < DELETE;
    if (visible || byte === SPACE || byte === TAB || byte >= 0x80) {
      table[byte]! |= VALUE;
    }
    // A fragment never travels in a request target (RFC 6455 section 3), and
    // what is not ASCII is percent-encoded there.
    if (visible && byte !== "#".charCodeAt(0)) table[byte]! |= TARGET;
    if (visible && !'"(),/:;<=>?@[\\]{}'.includes(String.fromCharCode(byte))) {
      table[byte]! |= TOKEN;
    }
  }
  return table;
}

/**
 * Whether `text` is a token: at least one character, and only those that a
 * method, a field name or a subprotocol may have (RFC 9110 section 5.6.2).
 */
export function isToken(text: string): boolean {
  return text.length > 0 && consistsOf(text, TOKEN);
}

/**
 * Whether `text` may be a field value as it is: no control character but the
 * tab, so neither CR nor LF, and nothing beyond latin1 (RFC 9110 section 5.5).
 */
export function isFieldValue(text: string): boolean {
  return consistsOf(text, VALUE);
}

/** Strips spaces and tabs, and nothing else: `trim()` would also take U+00A0. */
export function trimWhitespace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isWhitespace(text.charCodeAt(start))) start++;
  while (end > start && isWhitespace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** Whether the byte is a space or a tab (OWS of RFC 9110 section 5.6.3). */
export function isWhitespace(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB;
}

/**
 * Whether a comma-separated field value has the element `wanted` (lower case),
 * in any case: `keep-alive, Upgrade` has `upgrade`.
 */
export function listHas(value: string, wanted: string): boolean {
  const list = value.toLowerCase();
  if (list === wanted) return true;
  return list.split(",").some((item) => trimWhitespace(item) === wanted);
}

function consistsOf(text: string, wanted: number): boolean {
  for (let index = 0; index < text.length; index++) {
    // Beyond latin1 there is no entry, and so no class.
    if (((CLASS_OF[text.charCodeAt(index)] ?? 0) & wanted) === 0) return false;
  }
  return true;
}
