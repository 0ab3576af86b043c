/** Sub-buckets in each power of two: durations are known to within 1/8. */
const SUB_BUCKETS = 8;
const OCTAVES = 32;

/** How many counters one histogram takes. */
export const HISTOGRAM_SLOTS = SUB_BUCKETS * OCTAVES;

/**
 * The bucket of a duration: logarithmic, in microseconds, from 1 µs to more
 * than an hour. Buckets are plain counters, so that a histogram can live in
 * shared memory and be added to others.
 */
export function bucketOf(durationMs: number): number {
  const micros = Math.min(
    Math.max(1, Math.floor(durationMs * 1000)),
    2 ** 32 - 1,
  );
  const octave = 31 - Math.clz32(micros);
  const sub = Math.floor((micros / 2 ** octave - 1) * SUB_BUCKETS);
  return octave * SUB_BUCKETS + sub;
}

/** The upper edge of a bucket in milliseconds. */
export function bucketCeilingMs(bucket: number): number {
  const octave = Math.floor(bucket / SUB_BUCKETS);
  const sub = bucket % SUB_BUCKETS;
  return (2 ** octave * (1 + (sub + 1) / SUB_BUCKETS)) / 1000;
}

export interface DurationSummary {
  count: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/**
 * Percentiles of a histogram, each given as the ceiling of its bucket (within
 * 1/8), but no more than the longest.
 *
 * @param maxMs - The longest duration that was counted.
 */
export function summarize(
  buckets: ArrayLike<number>,
  maxMs: number,
): DurationSummary {
  let count = 0;
  for (let i = 0; i < buckets.length; i++) count += buckets[i] as number;
  return {
    count,
    p50Ms: Math.min(maxMs, percentile(buckets, count, 0.5)),
    p99Ms: Math.min(maxMs, percentile(buckets, count, 0.99)),
    maxMs,
  };
}

function percentile(
  buckets: ArrayLike<number>,
  count: number,
  share: number,
): number {
  if (count === 0) return 0;
  const rank = Math.ceil(count * share);
  let seen = 0;
  for (let i = 0; i < buckets.length; i++) {
    seen += buckets[i] as number;
    if (seen >= rank) return bucketCeilingMs(i);
  }
  return 0;
}
