import { channel } from "node:diagnostics_channel";
import { channels } from "../../protocol/channels.ts";
import { aside } from "../aside.ts";
import type { Listener } from "../main-surroundings.ts";

const BACK_OFF_MS = { first: 100, longest: 5_000 } as const;

/**
 * Listens again after the listener was suspended. Somebody else may have the
 * port by then: that ends nobody who is connected, and is tried until it
 * succeeds or is not wanted any more.
 */
export class Comeback {
  readonly #listener: Pick<Listener, "isListening" | "listen">;
  readonly #isWanted: () => boolean;
  readonly #onChange: () => void;
  /** Of the attempt that counts: one that was under way when it was stopped does not. */
  #attempt = 0;
  #failures = 0;
  #next: NodeJS.Timeout | undefined;

  /**
   * @param isWanted - Whether anybody takes what is accepted.
   * @param onChange - Told when it begins to fail, and when it does no more.
   */
  constructor(
    listener: Pick<Listener, "isListening" | "listen">,
    isWanted: () => boolean,
    onChange: () => void,
  ) {
    this.#listener = listener;
    this.#isWanted = isWanted;
    this.#onChange = onChange;
  }

  /** It is to listen, and cannot. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Does nothing while it listens, or waits for the next attempt. */
  begin(): void {
    if (this.#listener.isListening || this.#next !== undefined) return;
    aside(this.#try(), "listening again");
  }

  stop(): void {
    this.#attempt++;
    clearTimeout(this.#next);
    this.#next = undefined;
    this.#failures = 0;
  }

  async #try(): Promise<void> {
    const attempt = ++this.#attempt;
    try {
      await this.#listener.listen();
    } catch (error) {
      if (attempt === this.#attempt) this.#wait(error);
      return;
    }
    if (!this.isFailing) return;
    this.#failures = 0;
    publish({ event: "listening-again" });
    this.#onChange();
  }

  #wait(error: unknown): void {
    const delayMs = Math.min(
      BACK_OFF_MS.first * 2 ** this.#failures,
      BACK_OFF_MS.longest,
    );
    this.#failures++;
    publish({ event: "listen-failed", delayMs, error });
    this.#onChange();
    this.#next = setTimeout(() => {
      this.#next = undefined;
      if (this.#isWanted()) this.begin();
    }, delayMs);
  }
}

function publish(message: Record<string, unknown>): void {
  channel(channels.server).publish(message);
}
