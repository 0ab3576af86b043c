/**
 * A latency histogram in the manner of HdrHistogram: linear below 128 units,
 * then 128 sub-buckets for every power of two, so that any value is known to
 * better than 1 % from an eighth of a microsecond to minutes, in constant
 * memory and with no allocation per record.
 */

/** One unit of the histogram's internal scale, in microseconds. */
const microsPerUnit = 1 / 8;
const subBucketBits = 7;
const subBuckets = 1 << subBucketBits;
const largestUnit = 2 ** 31 - 1;
const bucketCount = (32 - subBucketBits) * subBuckets;

/** What a report says of a distribution; every field is in microseconds. */
export interface LatencySummary {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Counts latencies; see the file's comment for its precision. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(bucketCount);
  #count = 0;
  #max = 0;

  /** How many values were recorded. */
  get count(): number {
    return this.#count;
  }

  /**
   * Records one value.
   *
   * @param micros - A latency in microseconds; negative ones count as zero.
   * @param times - How many messages had that latency.
   */
  record(micros: number, times = 1): void {
    const value = Math.max(0, micros);
    const index = bucketIndex(value);
    this.#counts[index] = (this.#counts[index] ?? 0) + times;
    this.#count += times;
    if (value > this.#max) this.#max = value;
  }

  /**
   * The smallest recorded value that at least `share` of all do not exceed.
   *
   * @param share - Between 0 and 1: 0.99 for p99.
   * @returns Microseconds, or 0 when nothing was recorded.
   */
  quantile(share: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (let index = 0; index < bucketCount; index++) {
      seen += this.#counts[index] ?? 0;
      if (seen >= rank) return Math.min(bucketMiddle(index), this.#max);
    }
    return this.#max;
  }

  /** Forgets everything: the warm-up is over. */
  reset(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#max = 0;
  }

  /** The quantiles that the reports print, in microseconds. */
  summary(): LatencySummary {
    return {
      p50: this.quantile(0.5),
      p99: this.quantile(0.99),
      p999: this.quantile(0.999),
      max: this.#max,
    };
  }
}

function bucketIndex(micros: number): number {
  const units = Math.min(largestUnit, Math.round(micros / microsPerUnit));
  if (units < subBuckets) return units;
  const shift = 31 - Math.clz32(units) - subBucketBits;
  return (shift + 1) * subBuckets + (units >> shift) - subBuckets;
}

function bucketMiddle(index: number): number {
  if (index < subBuckets) return index * microsPerUnit;
  const shift = Math.floor(index / subBuckets) - 1;
  const lowest = ((index % subBuckets) + subBuckets) * 2 ** shift;
  return (lowest + (2 ** shift - 1) / 2) * microsPerUnit;
}
