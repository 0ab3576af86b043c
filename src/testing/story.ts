import type { Breach } from "./simulation/law.ts";

const TOLD_SENTENCES = 40;

/** The end of a story, for an error. */
export function tellStory(story: readonly string[]): string {
  const left = story.length - TOLD_SENTENCES;
  const told = story.slice(-TOLD_SENTENCES).map((sentence) => `  ${sentence}`);
  return (left > 0 ? [`  (${left} more before)`, ...told] : told).join("\n");
}

/** What was done in a random life, with its numbers. */
export function tellSteps(steps: readonly string[]): string {
  return steps.map((step, index) => `  ${index + 1}. ${step}`).join("\n");
}

/** What an error says first: what the script threw, or which laws were broken. */
export function complain(
  failure: { readonly cause: unknown } | undefined,
  breaches: readonly Breach[],
): string {
  if (failure !== undefined) {
    const { cause } = failure;
    return cause instanceof Error ? cause.message : String(cause);
  }
  return breaches
    .map(({ law, what }) => `broken: ${law}\n  ${what}`)
    .join("\n");
}

/** Methods of the server that belong into the story. */
const told: ReadonlySet<string | symbol> = new Set([
  "shutdown",
  "force",
  "callOff",
  "drain",
  "resume",
  "restartShard",
  "rebalance",
  "reload",
  "upgrade",
  "publish",
]);

/**
 * What an operator has done, as a sentence.
 *
 * @param whose - Where there are several servers, as in ` of server 2`.
 * @returns `undefined` for what only looks
 */
export function sentenceOf(
  whose: string,
  method: string | symbol,
  given: readonly unknown[],
): string | undefined {
  if (!told.has(method)) return undefined;
  return `the operator${whose} calls ${String(method)}(${given.map((each) => JSON.stringify(each)).join(", ")})`;
}
