const MS_PER_SECOND = 1_000;
/** Steps that people count in: seconds and minutes. */
const TIME_STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600] as const;
const NICE = [1, 2, 5, 10] as const;

/**
 * Round moments in a span of time, at most so many.
 *
 * @returns epoch milliseconds, and how far they are apart
 */
export function timeTicks(
  from: number,
  to: number,
  most: number,
): { readonly at: readonly number[]; readonly stepMs: number } {
  const fitting = TIME_STEPS_S.find(
    (step) => (to - from) / (step * MS_PER_SECOND) <= most,
  );
  const stepMs = (fitting ?? 600) * MS_PER_SECOND;
  const at: number[] = [];
  for (let tick = Math.ceil(from / stepMs) * stepMs; tick <= to; tick += stepMs)
    at.push(tick);
  return { at, stepMs };
}

/** Round values from zero on, the last of which is not below the greatest; whole ones only. */
export function valueTicks(greatest: number, most: number): readonly number[] {
  const rough = Math.max(1, greatest) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const nice = NICE.find((each) => each * power >= rough) ?? 10;
  const step = Math.max(1, nice * power);
  const count = Math.max(1, Math.ceil(greatest / step));
  return Array.from({ length: count + 1 }, (_, at) => at * step);
}
