import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers";
import timersPromises from "node:timers/promises";
import { promisify } from "node:util";
import { sharedTime } from "../../protocol/clock.ts";
import { installRefusals, uninstallRefusals } from "./real-world.ts";
import { currentThread, type SimThread } from "./sim-thread.ts";
import {
  installVirtualChannels,
  uninstallVirtualChannels,
} from "./virtual-channels.ts";
import {
  installVirtualChance,
  uninstallVirtualChance,
} from "./virtual-chance.ts";

/** Where `Date` begins: a moment like any other, the same in every run. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** As they were, for everything outside of a simulation. */
const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  clearImmediate: globalThis.clearImmediate,
  Date: globalThis.Date,
  now: performance.now.bind(performance),
  hrtime: process.hrtime,
  nanos: process.hrtime.bigint.bind(process.hrtime),
  uptime: process.uptime.bind(process),
  every: timersPromises.setInterval,
  scheduler: {
    wait: timersPromises.scheduler.wait.bind(timersPromises.scheduler),
    yield: timersPromises.scheduler.yield.bind(timersPromises.scheduler),
  },
  abortAfter: AbortSignal.timeout.bind(AbortSignal),
  sleep: timersPromises.setTimeout,
  soon: timersPromises.setImmediate,
};

/** Lets happen what has been set off: ticks and promises, of real time. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    real.setImmediate(resolve);
  });
}

/** What a time that was worked out by way of another clock may be off by. */
const ROUNDING_MS = 1e-6;

/** A timer as handlers see one. */
class VirtualTimer {
  readonly #thread: SimThread;
  readonly #callback: () => void;
  readonly #ms: number;
  readonly #repeats: boolean;
  #event: { isCancelled: boolean };

  constructor(
    thread: SimThread,
    callback: () => void,
    ms: unknown,
    repeats: boolean,
  ) {
    const asked = Number(ms);
    this.#thread = thread;
    this.#callback = callback;
    this.#ms =
      asked >= 1 && asked <= 2 ** 31 - 1 ? Math.trunc(asked + ROUNDING_MS) : 1;
    this.#repeats = repeats;
    this.#event = this.#arm();
  }

  refresh(): this {
    this.#event.isCancelled = true;
    this.#event = this.#arm();
    return this;
  }

  close(): this {
    this.#event.isCancelled = true;
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #arm(): { isCancelled: boolean } {
    return this.#thread.setTimer(() => {
      if (this.#repeats) this.#event = this.#arm();
      this.#callback();
    }, this.#ms);
  }
}

type Callback = (...rest: unknown[]) => void;

function setTimer(repeats: boolean, fallback: typeof setTimeout) {
  return (callback: Callback, ms?: number, ...rest: unknown[]): unknown => {
    const thread = currentThread();
    return thread === undefined
      ? fallback(callback, ms, ...rest)
      : new VirtualTimer(thread, () => callback(...rest), ms, repeats);
  };
}

/** With what `util.promisify` makes of it. */
function promising<Timer extends object>(
  timer: Timer,
  promised: (...given: never[]) => Promise<unknown>,
): Timer {
  return Object.defineProperty(timer, promisify.custom, { value: promised });
}

function clearTimer(fallback: (timer: never) => void) {
  return (timer: unknown): void => {
    if (timer instanceof VirtualTimer) timer.close();
    else fallback(timer as never);
  };
}

function setVirtualImmediate(callback: Callback, ...rest: unknown[]): unknown {
  return (
    currentThread()?.setImmediate(() => callback(...rest)) ??
    real.setImmediate(callback, ...rest)
  );
}

function clearVirtualImmediate(immediate: unknown): void {
  if (
    typeof immediate === "object" &&
    immediate !== null &&
    "cancel" in immediate
  )
    (immediate as { cancel(): void }).cancel();
  else real.clearImmediate(immediate as NodeJS.Immediate);
}

/** As the one of `timers/promises`. */
function sleep<Value>(
  ms?: number,
  value?: Value,
  options?: { signal?: AbortSignal },
): Promise<Value> {
  const thread = currentThread();
  if (thread === undefined) return real.sleep(ms, value, options);
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  const signal = options?.signal;
  const timer = new VirtualTimer(
    thread,
    () => {
      signal?.removeEventListener("abort", abort);
      resolve(value as Value);
    },
    ms,
    false,
  );
  const abort = (): void => {
    timer.close();
    reject(new DOMException("The operation was aborted", "AbortError"));
  };
  if (signal?.aborted === true) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return promise;
}

/** As the one of `timers/promises`. */
async function* every<Value>(
  ms?: number,
  value?: Value,
  options?: { signal?: AbortSignal },
): AsyncGenerator<Value> {
  if (currentThread() === undefined)
    return yield* real.every(ms, value, options);
  for (;;) yield await sleep(ms, value as Value, options);
}

/** As `AbortSignal.timeout`. */
function abortAfter(ms: number): AbortSignal {
  const thread = currentThread();
  if (thread === undefined) return real.abortAfter(ms);
  const controller = new AbortController();
  thread.setTimer(() => {
    controller.abort(
      new DOMException(
        "The operation was aborted due to timeout",
        "TimeoutError",
      ),
    );
  }, ms);
  return controller.signal;
}

const NANOS = 1_000_000_000n;

/** As `process.hrtime`, since another reading where one is given. */
function hrtime(since?: [number, number]): [number, number] {
  if (currentThread() === undefined) return real.hrtime(since);
  const before =
    since === undefined ? 0n : BigInt(since[0]) * NANOS + BigInt(since[1]);
  const passed = nanos() - before;
  return [Number(passed / NANOS), Number(passed % NANOS)];
}

function nanos(): bigint {
  const thread = currentThread();
  return thread === undefined
    ? real.nanos()
    : BigInt(Math.round(thread.timeline.now * 1e6));
}

function soon<Value>(value?: Value): Promise<Value> {
  const thread = currentThread();
  if (thread === undefined) return real.soon(value);
  return new Promise((resolve) => {
    thread.setImmediate(() => resolve(value as Value));
  });
}

const VirtualDate: DateConstructor = new Proxy(real.Date, {
  construct(target, given: [], newTarget): Date {
    const thread = currentThread();
    const isNow = given.length === 0 && thread !== undefined;
    return Reflect.construct(
      target,
      isNow ? [wallClockOf(thread)] : given,
      newTarget === VirtualDate ? target : newTarget,
    );
  },
  apply(target, self, given: []) {
    const thread = currentThread();
    return thread === undefined
      ? Reflect.apply(target, self, given)
      : new target(wallClockOf(thread)).toString();
  },
  get(target, key, receiver) {
    if (key !== "now") return Reflect.get(target, key, receiver);
    return virtualDateNow;
  },
});

function virtualDateNow(): number {
  const thread = currentThread();
  return thread === undefined ? real.Date.now() : wallClockOf(thread);
}

/** The wall clock may jump; the monotonic one does not. */
function wallClockOf({ timeline }: SimThread): number {
  return Math.floor(EPOCH_MS + timeline.now + timeline.wallOffsetMs);
}

let simulations = 0;
/** Of the real time, for when the last simulation is over. */
let realOffsetMs = 0;

/**
 * @param why - The beginning of the sentence.
 * @throws Error when the test runner has put fake timers in place
 */
export function refuseFakeTimers(why: string): void {
  const { setTimeout, Date } = globalThis;
  // Those of vitest and jest have a clock; those of node:test are named so.
  const isFake =
    Object.hasOwn(setTimeout, "clock") ||
    setTimeout.name.startsWith("bound #") ||
    (Date as { isMock?: boolean }).isMock === true;
  if (!isFake) return;
  throw new Error(
    `${why}: turn the test runner's fake timers off (vi.useRealTimers(), mock.timers.reset())`,
  );
}

/**
 * Puts time and chance of simulated threads in place of the real ones, for as
 * long as a simulation runs. Who calls from outside of one, such as a test
 * runner with its own timers, gets what it always got.
 *
 * @throws Error when the test runner has put fake timers in place already
 */
export function installVirtualGlobals(): void {
  if (simulations === 0)
    refuseFakeTimers("a simulation has a clock of its own");
  if (simulations++ > 0) return;
  Object.assign(globalThis, {
    setTimeout: promising(setTimer(false, real.setTimeout), sleep),
    setInterval: setTimer(true, real.setInterval as typeof setTimeout),
    clearTimeout: clearTimer(real.clearTimeout),
    clearInterval: clearTimer(real.clearInterval),
    setImmediate: promising(
      (callback: Callback, ...rest: unknown[]) =>
        setVirtualImmediate(callback, ...rest),
      soon,
    ),
    clearImmediate: clearVirtualImmediate,
    Date: VirtualDate,
  });
  performance.now = () => currentThread()?.timeline.now ?? real.now();
  process.hrtime = Object.assign(hrtime, { bigint: nanos });
  process.uptime = () => {
    const thread = currentThread();
    return thread === undefined ? real.uptime() : thread.timeline.now / 1_000;
  };
  AbortSignal.timeout = abortAfter;
  Object.assign(timers, {
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    clearTimeout: globalThis.clearTimeout,
    clearInterval: globalThis.clearInterval,
    setImmediate: globalThis.setImmediate,
    clearImmediate: globalThis.clearImmediate,
  });
  Object.assign(timersPromises, {
    setTimeout: sleep,
    setInterval: every,
    setImmediate: soon,
  });
  Object.assign(timersPromises.scheduler, {
    wait: (ms: number, options?: { signal?: AbortSignal }) =>
      sleep(ms, undefined, options),
    yield: () => soon(undefined),
  });
  // Simulated threads have one time, which begins alike in every process.
  realOffsetMs = sharedTime.offsetMs;
  sharedTime.offsetMs = 0;
  installVirtualChance();
  installVirtualChannels();
  installRefusals();
  syncBuiltinESMExports();
}

/** Undoes {@link installVirtualGlobals}, with the last simulation. */
export function uninstallVirtualGlobals(): void {
  if (--simulations > 0) return;
  const { setTimeout, clearTimeout, setInterval, clearInterval } = real;
  const { setImmediate, clearImmediate } = real;
  const clocks = {
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    setImmediate,
    clearImmediate,
  };
  Object.assign(globalThis, clocks, { Date: real.Date });
  Object.assign(timers, clocks);
  Object.assign(timersPromises, {
    setTimeout: real.sleep,
    setInterval: real.every,
    setImmediate: real.soon,
  });
  Object.assign(timersPromises.scheduler, real.scheduler);
  sharedTime.offsetMs = realOffsetMs;
  uninstallVirtualChance();
  uninstallVirtualChannels();
  uninstallRefusals();
  // What stood on the prototype shows again.
  Reflect.deleteProperty(performance, "now");
  process.hrtime = real.hrtime;
  process.uptime = real.uptime;
  AbortSignal.timeout = real.abortAfter;
  syncBuiltinESMExports();
}
