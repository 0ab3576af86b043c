import bytes from "bytes";
import ms from "ms";

/** The longest that a timer of Node waits, some 25 days: beyond it, setTimeout fires at once. */
export const MAX_DELAY_MS = 2_147_483_647;

const DURATION =
  /^(\d+(?:\.\d+)?) ?(ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?)$/i;
const SIZE = /^(\d+(?:\.\d+)?) ?([kmgt]?)i?b$/i;

/**
 * Reads `8s`, `500ms`, `2m` or `1h`.
 *
 * @returns Milliseconds, or `undefined` for anything else, a plain number too.
 */
export function parseDuration(text: string): number | undefined {
  return isDuration(text) ? ms(text) : undefined;
}

function isDuration(text: string): text is ms.StringValue {
  return DURATION.test(text);
}

/**
 * Reads `512B`, `64KB` or `1MiB`; a K is 1024 with or without its i.
 *
 * The `bytes` package neither knows `MiB` nor refuses `12 bananas`, hence the
 * pattern in front of it.
 *
 * @returns Bytes, or `undefined` for anything else, a plain number too.
 */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  return bytes.parse(`${match[1] ?? ""}${match[2] ?? ""}b`) ?? undefined;
}

/** A delay as a timer takes it. Two that are each fine may come to more than one waits, which would end at once. */
export function asDelay(milliseconds: number): number {
  return Math.min(milliseconds, MAX_DELAY_MS);
}

/** Writes a number in the largest unit that needs no fraction, so that nothing is rounded. */
function inLargestUnit(
  value: number,
  units: readonly (readonly [size: number, suffix: string])[],
): string {
  const unit = units.find(([size]) => value >= size && value % size === 0);
  return unit === undefined ? String(value) : `${value / unit[0]}${unit[1]}`;
}

/** `8000` reads `8s`, `1500` reads `1500ms`; the inverse of {@link parseDuration}. */
export function formatDuration(milliseconds: number): string {
  return inLargestUnit(milliseconds, [
    [3_600_000, "h"],
    [60_000, "m"],
    [1000, "s"],
    [1, "ms"],
  ]);
}

/** `1048576` reads `1MiB`; the inverse of {@link parseSize}. */
export function formatSize(size: number): string {
  return inLargestUnit(size, [
    [1024 ** 3, "GiB"],
    [1024 ** 2, "MiB"],
    [1024, "KiB"],
    [1, "B"],
  ]);
}
