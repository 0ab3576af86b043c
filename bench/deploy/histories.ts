/**
 * The law of histories at full size: what `property-tests/histories` plays with
 * a dozen clients, played with as many as there are in the proof.
 */
import * as fc from "fast-check";
import {
  Deeds,
  type History,
  histories,
  play,
} from "../../property-tests/histories/history.ts";

/** Of the clients, so many compress, and cannot move. */
const COMPRESSING_SHARE = 0.02;

export interface HistoriesOptions {
  readonly clients: number;
  /** Between two messages of a client. */
  readonly intervalMs: number;
  readonly histories: number;
  readonly seed: number;
}

export interface HistoriesResult {
  readonly options: HistoriesOptions;
  readonly operations: number;
  readonly processes: number;
  /** That were answered. */
  readonly messages: number;
  /** How often each operation was done. */
  readonly kinds: Readonly<Record<string, number>>;
}

/**
 * @param tell - Told of each history before it is played.
 * @throws Error with what was not as it should be, and the history.
 */
export async function playHistories(
  options: HistoriesOptions,
  tell: (history: History, index: number) => void,
): Promise<HistoriesResult> {
  const { clients, intervalMs, seed } = options;
  const drawn = fc.sample(histories, { seed, numRuns: options.histories });
  const deeds = new Deeds();
  const size = {
    speakers: clients,
    compressing: Math.ceil(clients * COMPRESSING_SHARE),
    intervalMs,
    flags: [],
  };
  for (const [index, history] of drawn.entries()) {
    tell(history, index);
    try {
      await play(history, size, deeds);
    } catch (cause) {
      const which = `history ${index} of seed ${seed}`;
      throw new Error(`${which}: ${(cause as Error).message}`, { cause });
    }
  }
  return {
    options,
    operations: deeds.operations,
    processes: deeds.generations,
    messages: deeds.said,
    kinds: Object.fromEntries(deeds.kinds),
  };
}
