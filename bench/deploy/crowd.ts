/** All clients of a run. */
import { setTimeout as after } from "node:timers/promises";
import { type Habits, Talker } from "./talker.ts";
import { Tally } from "./tally.ts";

const OPENING_AT_ONCE = 100;
const LOOK_MS = 10;
const PATIENCE_MS = 60_000;

export class Crowd implements Disposable {
  readonly tally = new Tally();
  readonly #talkers: Talker[] = [];

  /** Opens them, some at a time. */
  static async open(count: number, habits: Habits): Promise<Crowd> {
    const crowd = new Crowd();
    while (crowd.#talkers.length < count) {
      const wave = Math.min(OPENING_AT_ONCE, count - crowd.#talkers.length);
      const opening: Promise<void>[] = [];
      for (let i = 0; i < wave; i++) {
        const index = crowd.#talkers.length;
        const talker = new Talker(index, habits, crowd.tally);
        crowd.#talkers.push(talker);
        opening.push(talker.open());
      }
      await Promise.all(opening);
    }
    return crowd;
  }

  /** Waits until all are open. @throws Error after a minute. */
  async allOpen(): Promise<void> {
    await this.#until("every client is open", () =>
      this.#talkers.every(({ isOpen }) => isOpen),
    );
  }

  /** Lets all fall silent and waits for the answers that are owed. @throws Error after a minute. */
  async allAnswered(): Promise<void> {
    for (const talker of this.#talkers) talker.fallSilent();
    await this.#until("every message is answered", () =>
      this.#talkers.every(({ owed }) => owed === 0),
    );
  }

  [Symbol.dispose](): void {
    for (const talker of this.#talkers) talker.leave();
  }

  async #until(what: string, look: () => boolean): Promise<void> {
    const giveUpAt = performance.now() + PATIENCE_MS;
    while (!look()) {
      if (performance.now() > giveUpAt)
        throw new Error(`waited ${PATIENCE_MS} ms in vain until ${what}`);
      await after(LOOK_MS);
    }
  }
}
