import { ACTIONS, DELAYS, EVENTS, STATES } from "./client-table.ts";

export type Event = (typeof EVENTS)[number];
export type Action = (typeof ACTIONS)[number];
export type Delay = (typeof DELAYS)[number];

interface Step {
  readonly target: number;
  readonly actions: readonly Action[];
  readonly delay: Delay | undefined;
}

interface State {
  readonly name: string;
  readonly steps: ReadonlyMap<Event, Step>;
}

const numberOf = (digits: string): number => parseInt(digits, 36);

const states: readonly State[] = STATES.map((line) => {
  const [name = "", ...steps] = line.split(" ");
  return {
    name,
    steps: new Map(
      steps.map((step) => {
        const [event = "", target = "", actions = "", delay = ""] =
          step.split("-");
        return [
          EVENTS[numberOf(event)] as Event,
          {
            target: numberOf(target),
            actions: Array.from(
              actions,
              (digit) => ACTIONS[numberOf(digit)] as Action,
            ),
            delay: DELAYS[numberOf(delay)],
          },
        ];
      }),
    ),
  };
});

/** Runs the table: one state, at most one timer. */
export class Runner {
  #state = states[0] as State;
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
    return this.#state.name;
  }

  /** Tells the machine a fact. One that is told while an action runs waits for its end. */
  tell(event: Event): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push(event);
      return;
    }
    this.#waiting = [event];
    for (const next of this.#waiting) {
      const step = this.#state.steps.get(next);
      if (step === undefined) continue;
      clearTimeout(this.#timer);
      this.#state = states[step.target] as State;
      for (const action of step.actions) this.#act(action);
      if (step.delay !== undefined)
        this.#timer = setTimeout(
          () => this.tell("after"),
          this.#delayMs(step.delay),
        );
    }
    this.#waiting = undefined;
  }
}
