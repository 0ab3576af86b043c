const MASK_BYTES = 4;
/** From here on four bytes at once are faster, with the copy that it takes. */
const WORDWISE_BYTES = 512;
/** A mask, as bytes and as the word that this machine makes of them. */
const maskBytes = new Uint8Array(MASK_BYTES);
const maskWord = new Int32Array(maskBytes.buffer);

/**
 * Unmasks the payload behind a mask (RFC 6455, 5.3) into a buffer of its length.
 *
 * @returns whether any byte is above 0x7f: text without one is valid as it is
 */
export function unmask(
  chunk: Buffer,
  maskStart: number,
  data: Buffer,
): boolean {
  const { length } = data;
  const start = maskStart + MASK_BYTES;
  if (length >= WORDWISE_BYTES) {
    chunk.copy(maskBytes, 0, maskStart, start);
    chunk.copy(data, 0, start, start + length);
    unmaskByWords(data, 0, length);
    // Whoever looks for it is as fast.
    return true;
  }
  let from = start;
  const mask0 = chunk[maskStart] as number;
  const mask1 = chunk[maskStart + 1] as number;
  const mask2 = chunk[maskStart + 2] as number;
  const mask3 = chunk[maskStart + 3] as number;
  let seen = 0;
  let at = 0;
  for (
    const last = length - 3;
    at < last;
    at += MASK_BYTES, from += MASK_BYTES
  ) {
    seen |= data[at] = (chunk[from] as number) ^ mask0;
    seen |= data[at + 1] = (chunk[from + 1] as number) ^ mask1;
    seen |= data[at + 2] = (chunk[from + 2] as number) ^ mask2;
    seen |= data[at + 3] = (chunk[from + 3] as number) ^ mask3;
  }
  if (at < length) seen |= data[at] = (chunk[from] as number) ^ mask0;
  if (at + 1 < length)
    seen |= data[at + 1] = (chunk[from + 1] as number) ^ mask1;
  if (at + 2 < length)
    seen |= data[at + 2] = (chunk[from + 2] as number) ^ mask2;
  return (seen & 0x80) !== 0;
}

/**
 * Unmasks, where it lies, a part of a payload.
 *
 * @param mask - Four bytes, as on the wire.
 * @param phase - How many bytes of the payload came before this part.
 */
export function unmaskPart(
  data: Buffer,
  start: number,
  end: number,
  mask: Uint8Array,
  phase: number,
): void {
  for (let i = 0; i < MASK_BYTES; i++)
    maskBytes[i] = mask[(phase + i) % MASK_BYTES] as number;
  unmaskByWords(data, start, end);
}

/**
 * Four bytes at once, where they are aligned. A fifth of the time that bytes
 * take, and no native add-on: one that is being loaded while its thread is
 * ended aborts the process.
 */
function unmaskByWords(data: Buffer, start: number, end: number): void {
  let at = start;
  while (at < end && (data.byteOffset + at) % MASK_BYTES !== 0)
    (data[at] as number) ^= maskBytes[(at++ - start) % MASK_BYTES] as number;
  if (at === end) return;
  turnMask(at - start);
  const words = new Int32Array(
    data.buffer,
    data.byteOffset + at,
    (end - at) >>> 2,
  );
  const mask = maskWord[0] as number;
  for (let word = 0; word < words.length; word++)
    words[word] = (words[word] as number) ^ mask;
  for (let byte = at + words.length * MASK_BYTES; byte < end; byte++)
    (data[byte] as number) ^= maskBytes[(byte - at) % MASK_BYTES] as number;
}

/** So many bytes are done: the mask begins with the next. */
function turnMask(bytes: number): void {
  for (let left = bytes % MASK_BYTES; left > 0; left--) {
    const first = maskBytes[0] as number;
    maskBytes.copyWithin(0, 1);
    maskBytes[MASK_BYTES - 1] = first;
  }
}
