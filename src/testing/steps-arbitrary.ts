import type * as FastCheck from "fast-check";
import {
  describeStep,
  type Fault,
  NAMES_COUNT,
  type Step,
} from "./life-steps.ts";
import { fc } from "./user-fast-check.ts";

/** What steps are drawn from. */
export interface StepsOptions {
  readonly faults: readonly Fault[];
  readonly paths: FastCheck.Arbitrary<string>;
  readonly messages: FastCheck.Arbitrary<string>;
  readonly maxSteps: number;
}

/** A step, and what its message is made simpler with. */
interface Entry {
  readonly step: Step;
  readonly message: FastCheck.Value<string>;
}

/** How far making a life simpler has come. */
interface Progress {
  /** Index among {@link phases}. */
  readonly phase: number;
  /** The step that is next. */
  readonly at: number;
  /** Of the steps that are left out together. */
  readonly size: number;
}

interface Simpler {
  readonly entries: readonly Entry[];
  readonly progress: Progress;
}

/** One way to make a life simpler, from where it has come to. */
type Phase = (
  entries: readonly Entry[],
  from: Pick<Progress, "at" | "size">,
  messages: FastCheck.Arbitrary<string>,
) => Iterable<{ entries: readonly Entry[]; at: number; size: number }>;

const BEGINNING = { at: 0, size: Infinity } as const;

/** Leaves out half of the steps, then quarters, down to each by itself. */
const without: Phase = function* without(entries, from) {
  const largest = Math.ceil(entries.length / 2);
  let size = Math.min(from.size, largest);
  for (let { at } = from; size >= 1; at = 0) {
    for (; at < entries.length; at += size) {
      const left = entries.toSpliced(at, size);
      // What was behind stands at the same place now.
      if (left.length > 0) yield { entries: left, at, size };
    }
    size = size === 1 ? 0 : Math.ceil(size / 2);
  }
};

/** Leaves out a step that did nothing but let time pass: the one before it does that now. */
const merging: Phase = function* merging(entries, { at }) {
  for (let index = Math.max(1, at); index < entries.length; index++) {
    const { pause } = (entries[index] as Entry).step;
    const before = entries[index - 1] as Entry;
    const change = { pause: before.step.pause + pause };
    if (pause > 0)
      yield {
        entries: entries
          .with(index - 1, changed(before, change))
          .toSpliced(index, 1),
        at: index,
        size: 1,
      };
  }
};

/** No pauses, or nothing much of anything, for all steps at once. */
const plainly: Phase = function* plainly(entries, { at }) {
  const plain: readonly Partial<Step>[] = [
    { pause: 0, amount: 0 },
    { pause: 0 },
    { amount: 0 },
  ];
  for (const [index, change] of plain.entries())
    if (index >= at && differs(entries, change))
      yield {
        entries: entries.map((entry) => changed(entry, change)),
        at: index + 1,
        size: 1,
      };
};

/** The same for each step by itself, and a client with a plain name. */
const singly: Phase = function* singly(entries, { at }) {
  const changes: readonly ((step: Step) => Partial<Step>)[] = [
    () => ({ pause: 0 }),
    () => ({ amount: 0 }),
    ({ pick }) => ({ pick: pick % NAMES_COUNT }),
  ];
  for (let place = at; place < entries.length * changes.length; place++) {
    const index = Math.floor(place / changes.length);
    const entry = entries[index] as Entry;
    const change = changes[place % changes.length]?.(entry.step) ?? {};
    if (differs([entry], change))
      yield {
        entries: entries.with(index, changed(entry, change)),
        at: place + 1,
        size: 1,
      };
  }
};

/** A simpler message, as the user's own arbitrary has it. */
const saying: Phase = function* saying(entries, { at }, messages) {
  for (let index = at; index < entries.length; index++) {
    const { step, message } = entries[index] as Entry;
    if (step.does !== "say") continue;
    for (const simpler of messages.shrink(message.value, message.context))
      yield {
        entries: entries.with(index, {
          step: legible({ ...step, message: simpler.value }),
          message: simpler,
        }),
        at: index,
        size: 1,
      };
  }
};

/** In this order; what got simpler may make another step needless. */
const phases: readonly Phase[] = [
  ...[without, merging, plainly, singly, saying],
  ...[without, merging],
];

/**
 * Steps of a life. fast-check's own arrays get simpler number by number, and a
 * life is dear: this leaves out steps first, and then makes plain what is left,
 * in some dozens of lives.
 */
export class StepsArbitrary extends fc.Arbitrary<Step[]> {
  readonly #length: FastCheck.Arbitrary<number>;
  readonly #steps: FastCheck.Arbitrary<Omit<Step, "message">>;
  readonly #messages: FastCheck.Arbitrary<string>;

  constructor({ faults, paths, messages, maxSteps }: StepsOptions) {
    super();
    this.#length = fc.integer({ min: 1, max: maxSteps });
    this.#messages = messages;
    const constant = (weight: number, does: Step["does"]) => ({
      weight,
      arbitrary: fc.constant(does),
    });
    this.#steps = fc.record({
      does: fc.oneof(
        ...[constant(6, "open"), constant(10, "say")],
        ...[constant(2, "close"), constant(2, "wait")],
        ...(faults.length === 0
          ? []
          : [{ weight: 10, arbitrary: fc.constantFrom(...faults) }]),
      ),
      pick: fc.nat(999),
      amount: fc.nat(99),
      pause: fc.nat(60),
      path: paths,
    });
  }

  generate(
    chance: FastCheck.Random,
    bias: number | undefined,
  ): FastCheck.Value<Step[]> {
    const { value: length } = this.#length.generate(chance, bias);
    const entries = Array.from({ length }, (): Entry => {
      const { value: step } = this.#steps.generate(chance, bias);
      const message = this.#messages.generate(chance, bias);
      return { step: legible({ ...step, message: message.value }), message };
    });
    return valueOf({ entries, progress: { phase: 0, ...BEGINNING } });
  }

  canShrinkWithoutContext(_value: unknown): _value is Step[] {
    return false;
  }

  shrink(
    _steps: Step[],
    context: unknown,
  ): FastCheck.Stream<FastCheck.Value<Step[]>> {
    return fc.stream(this.#simpler(context as Simpler));
  }

  *#simpler({
    entries,
    progress,
  }: Simpler): IterableIterator<FastCheck.Value<Step[]>> {
    let from: Pick<Progress, "at" | "size"> = progress;
    for (let { phase } = progress; phase < phases.length; phase++) {
      const candidates = phases[phase]?.(entries, from, this.#messages) ?? [];
      for (const { entries: simpler, at, size } of candidates)
        yield valueOf({ entries: simpler, progress: { phase, at, size } });
      from = BEGINNING;
    }
  }
}

function valueOf(simpler: Simpler): FastCheck.Value<Step[]> {
  return new fc.Value(
    simpler.entries.map(({ step }) => step),
    simpler,
  );
}

/** A step that fast-check prints as a sentence. */
export function legible(step: Step): Step {
  return Object.defineProperty({ ...step }, fc.toStringMethod, {
    value: () => describeStep(step),
  });
}

function changed({ step, message }: Entry, change: Partial<Step>): Entry {
  return { step: legible({ ...step, ...change }), message };
}

/** Whether such a change changes any of them. */
function differs(entries: readonly Entry[], change: Partial<Step>): boolean {
  return entries.some(({ step }) =>
    Object.entries(change).some(
      ([name, value]) => step[name as keyof Step] !== value,
    ),
  );
}
