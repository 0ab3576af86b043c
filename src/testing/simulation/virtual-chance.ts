import crypto from "node:crypto";
import { currentThread, type SimThread } from "./sim-thread.ts";

const { webcrypto } = crypto;

/** As it was, for everything outside of a simulation. */
const real = {
  random: Math.random,
  randomUUID: crypto.randomUUID,
  randomBytes: crypto.randomBytes,
  randomInt: crypto.randomInt,
  randomFillSync: crypto.randomFillSync,
  webRandomUUID: webcrypto.randomUUID.bind(webcrypto),
  webGetRandomValues: webcrypto.getRandomValues.bind(webcrypto),
};

/** Chance as simulated threads have it: drawn by seed. */
export function installVirtualChance(): void {
  Math.random = () => currentThread()?.draws.next() ?? real.random();
  Object.assign(crypto, {
    randomBytes: (size: number, callback?: Callback<Buffer>) => {
      const thread = currentThread();
      if (thread === undefined)
        return real.randomBytes(size, callback as never);
      const bytes = thread.draws.bytes(size);
      return callback === undefined
        ? bytes
        : void thread.setImmediate(() => callback(null, bytes));
    },
    randomInt: (...given: [number, number?, Callback<number>?]) => {
      const thread = currentThread();
      if (thread === undefined)
        return real.randomInt(...(given as unknown as [number]));
      const bounds = given.filter((each) => typeof each === "number");
      const [least, limit] = bounds.length === 1 ? [0, bounds[0]] : bounds;
      const drawn = least + thread.draws.below((limit as number) - least);
      const callback = given.find((each) => typeof each === "function");
      return callback === undefined
        ? drawn
        : void thread.setImmediate(() => callback(null, drawn));
    },
    randomFillSync: (...given: [NodeJS.ArrayBufferView, number?, number?]) => {
      const thread = currentThread();
      const [view, from = 0, size = view.byteLength - from] = given;
      if (thread === undefined) return real.randomFillSync(view, from, size);
      fill(thread, view, from, size);
      return view;
    },
    randomUUID: (options?: never) => {
      const thread = currentThread();
      return thread === undefined ? real.randomUUID(options) : uuid(thread);
    },
  });
  Object.assign(webcrypto, {
    randomUUID: () => {
      const thread = currentThread();
      return thread === undefined ? real.webRandomUUID() : uuid(thread);
    },
    getRandomValues: <View extends NodeJS.ArrayBufferView>(view: View) => {
      const thread = currentThread();
      if (thread === undefined) return real.webGetRandomValues(view as never);
      fill(thread, view);
      return view;
    },
  });
}

type Callback<Value> = (error: null, value: Value) => void;

function fill(
  { draws }: SimThread,
  view: NodeJS.ArrayBufferView,
  from = 0,
  size = view.byteLength - from,
): void {
  Buffer.from(view.buffer, view.byteOffset + from, size).set(draws.bytes(size));
}

/** RFC 9562, 5.4: version 4, variant 10. */
function uuid({ draws }: SimThread): string {
  const hex = draws.bytes(16);
  hex[6] = ((hex[6] as number) & 0x0f) | 0x40;
  hex[8] = ((hex[8] as number) & 0x3f) | 0x80;
  return hex
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Undoes {@link installVirtualChance}. */
export function uninstallVirtualChance(): void {
  Math.random = real.random;
  const { randomUUID, randomBytes, randomInt, randomFillSync } = real;
  Object.assign(crypto, {
    randomUUID,
    randomBytes,
    randomInt,
    randomFillSync,
  });
  // What stood on the prototype shows again.
  Reflect.deleteProperty(webcrypto, "randomUUID");
  Reflect.deleteProperty(webcrypto, "getRandomValues");
}
