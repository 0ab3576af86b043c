import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Step } from "./life-steps.ts";
import { LIFE_VARIABLE } from "./replay.ts";

/** A random life: whatever is left to chance in it, and what is done. */
export interface LifePlan {
  readonly seed: number;
  readonly steps: readonly Step[];
}

/** A life in one word, for a command line. */
export function encodeLife({ seed, steps }: LifePlan): string {
  const rows = steps.map(({ does, pick, amount, pause, path, message }) => [
    ...[does, pick, amount, pause, path, message],
  ]);
  const text = JSON.stringify([seed, ...rows]);
  return deflateRawSync(text).toString("base64url");
}

/**
 * The life that is to be played instead of all others.
 *
 * @throws RangeError when what the variable has is none
 */
export function lifeToReplay(): LifePlan | undefined {
  const code = process.env[LIFE_VARIABLE];
  return code === undefined || code === "" ? undefined : decodeLife(code);
}

type Row = [Step["does"], number, number, number, string, string];

function decodeLife(code: string): LifePlan {
  try {
    const text = inflateRawSync(Buffer.from(code, "base64url")).toString();
    const [seed, ...rows] = JSON.parse(text) as [number, ...Row[]];
    const steps = rows.map(
      ([does, pick, amount, pause, path, message]): Step => ({
        ...{ does, pick, amount, pause, path, message },
      }),
    );
    return { seed, steps };
  } catch (cause) {
    throw new RangeError(
      `${LIFE_VARIABLE}: ${code} is no life; take the command as the failure has printed it`,
      { cause },
    );
  }
}
