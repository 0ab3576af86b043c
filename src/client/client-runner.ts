import { ACTIONS, DELAYS, EVENTS, type State, STATES } from "./client-table.ts";

export type Event = (typeof EVENTS)[number];
export type Action = (typeof ACTIONS)[number];
export type Delay = (typeof DELAYS)[number];

/** A timer that is later by this has stood still, as in a page that was frozen. */
const LATE_MS = 1_000;

/** Runs the table: one state, at most one timer. */
export class Runner {
  #state = STATES[0] as State;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting: Event[] | undefined;
  readonly #act: (action: Action) => void;
  readonly #delayMs: (delay: Delay) => number;

  /**
   * @param act - Does what the machine names.
   * @param delayMs - How long a delay is that begins now.
   */
  constructor(
    act: (action: Action) => void,
    delayMs: (delay: Delay) => number,
  ) {
    this.#act = act;
    this.#delayMs = delayMs;
  }

  /** Dotted path of the state, such as `open.healthy`. */
  get state(): string {
    return this.#state[0];
  }

  /** Tells the machine a fact. One that is told while an action runs waits for its end; what an action throws is reported, and the machine goes on. */
  tell(event: Event): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push(event);
      return;
    }
    this.#waiting = [event];
    for (const next of this.#waiting) {
      const step = this.#state[1][EVENTS.indexOf(next)];
      if (step === undefined) continue;
      const [state, actions, delay] = step;
      clearTimeout(this.#timer);
      this.#state = STATES[state] as State;
      for (const action of actions)
        try {
          this.#act(ACTIONS[action] as Action);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      if (delay !== undefined)
        this.#wait(this.#delayMs(DELAYS[delay] as Delay));
    }
    this.#waiting = undefined;
  }

  /** Whoever stood still may have been answered meanwhile: that is heard first. */
  #wait(ms: number, graceMs = LATE_MS): void {
    const dueAt = Date.now() + ms;
    this.#timer = setTimeout(() => {
      if (graceMs > 0 && Date.now() - dueAt > LATE_MS) this.#wait(graceMs, 0);
      else this.tell("after");
    }, ms);
  }
}
