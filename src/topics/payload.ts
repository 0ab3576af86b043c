import { SluiceError } from "../errors.ts";

/** What can be sent: text, or bytes in any of their shapes. */
export type Sendable = string | ArrayBufferLike | ArrayBufferView;

/**
 * Views what a caller gave as text or bytes, without a copy.
 *
 * @param caller - Named in the message of the error.
 * @throws SluiceError `ERR_SLUICE_MESSAGE` for anything else.
 */
export function toPayload(data: unknown, caller: string): string | Buffer {
  if (typeof data === "string" || Buffer.isBuffer(data)) return data;
  if (ArrayBuffer.isView(data))
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer)
    return Buffer.from(data);
  throw new SluiceError(
    "ERR_SLUICE_MESSAGE",
    `${caller}: got ${data === null ? "null" : typeof data}, takes a string, a Buffer, a typed array or an ArrayBuffer`,
  );
}
