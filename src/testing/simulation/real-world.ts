import childProcess from "node:child_process";
import crypto from "node:crypto";
import dgram from "node:dgram";
import dns from "node:dns";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { promisify } from "node:util";
import workerThreads from "node:worker_threads";
import zlib from "node:zlib";
import { currentThread } from "./sim-thread.ts";

/** A function, whatever it takes. */
type AnyFunction = (...given: unknown[]) => unknown;
/** What holds functions by name. */
type Holder = Record<PropertyKey, unknown>;

/** Functions that touch the real world, and what to do instead. */
interface Touching {
  readonly holder: object;
  readonly called: string;
  readonly names: readonly string[];
  readonly advice: string;
}

const FAKE = "give the handlers a fake";
const SYNC = "use its synchronous form: this one runs on real threads";
const AT_HOME = "read it where the module is loaded, or give a fake";

/** Callbacks and promises of files come in real time; reading at once is the same in every run. */
const files = namesOf(
  fs,
  (name) => !name.endsWith("Sync") && Object.hasOwn(fs, `${name}Sync`),
);
const writing = [
  "appendFileSync",
  "copyFileSync",
  "cpSync",
  "linkSync",
  "mkdirSync",
  "mkdtempSync",
  "renameSync",
  "rmSync",
  "rmdirSync",
  "symlinkSync",
  "truncateSync",
  "unlinkSync",
  "writeFileSync",
  "writeSync",
];

const touching: readonly Touching[] = [
  {
    holder: net.Socket.prototype,
    called: "net.Socket",
    names: ["connect"],
    advice: FAKE,
  },
  {
    holder: net.Server.prototype,
    called: "net.Server",
    names: ["listen"],
    advice: FAKE,
  },
  {
    holder: net,
    called: "net",
    names: ["connect", "createConnection"],
    advice: FAKE,
  },
  { holder: http, called: "http", names: ["request", "get"], advice: FAKE },
  { holder: https, called: "https", names: ["request", "get"], advice: FAKE },
  {
    holder: dgram.Socket.prototype,
    called: "dgram.Socket",
    names: ["bind", "connect", "send"],
    advice: FAKE,
  },
  {
    holder: dns,
    called: "dns",
    names: namesOf(dns, isLookUp),
    advice: FAKE,
  },
  {
    holder: dns.promises,
    called: "dns.promises",
    names: namesOf(dns.promises, isLookUp),
    advice: FAKE,
  },
  {
    holder: childProcess,
    called: "child_process",
    names: namesOf(childProcess, (name) => /^(spawn|exec|fork)/.test(name)),
    advice: FAKE,
  },
  {
    holder: fs,
    called: "fs",
    names: [...files, "createReadStream", "createWriteStream", "watch"],
    advice: AT_HOME,
  },
  { holder: fs, called: "fs", names: writing, advice: FAKE },
  {
    holder: fs.promises,
    called: "fs.promises",
    names: namesOf(fs.promises, () => true),
    advice: AT_HOME,
  },
  {
    holder: zlib,
    called: "zlib",
    names: namesOf(zlib, (name) => Object.hasOwn(zlib, `${name}Sync`)),
    advice: SYNC,
  },
  {
    holder: crypto,
    called: "crypto",
    names: namesOf(crypto, (name) => Object.hasOwn(crypto, `${name}Sync`)),
    advice: SYNC,
  },
  {
    holder: globalThis,
    called: "globalThis",
    names: ["fetch"],
    advice: FAKE,
  },
];

/** Classes whose instances touch it. */
const touchingClasses: readonly Touching[] = [
  {
    holder: workerThreads,
    called: "worker_threads",
    names: ["Worker"],
    advice: FAKE,
  },
  {
    holder: globalThis,
    called: "globalThis",
    names: ["WebSocket"],
    advice: FAKE,
  },
];

function isLookUp(name: string): boolean {
  return /^(lookup|resolve|reverse)/.test(name);
}

function namesOf(
  holder: object,
  isMeant: (name: string) => boolean,
): readonly string[] {
  return Object.getOwnPropertyNames(holder).filter(
    (name) =>
      /^[a-z]/.test(name) &&
      isMeant(name) &&
      typeof (holder as Holder)[name] === "function",
  );
}

/** @throws Error in a simulated thread, unless a module is being loaded there */
function refuse(what: string, advice: string): void {
  const thread = currentThread();
  if (thread === undefined || thread.timeline.isLoading) return;
  const complaint = `${what} is real, and nothing real is touched in a simulation: ${advice}`;
  thread.timeline.touched(thread, complaint);
  throw new Error(complaint);
}

const undo: (() => void)[] = [];

/** Handlers that reach out of the simulation are told so, for as long as one runs. */
export function installRefusals(): void {
  for (const { holder, called, names, advice } of touching)
    for (const name of names)
      replace(holder, name, (real) =>
        guarded(real as AnyFunction, `${called}.${name}()`, advice),
      );
  for (const { holder, called, names, advice } of touchingClasses)
    for (const name of names)
      replace(
        holder,
        name,
        (real) =>
          new Proxy(real as new () => object, {
            construct(target, given, newTarget) {
              refuse(`new ${called}.${name}()`, advice);
              return Reflect.construct(target, given, newTarget) as object;
            },
          }),
      );
}

/** Undoes {@link installRefusals}. */
export function uninstallRefusals(): void {
  for (const restore of undo.splice(0)) restore();
}

function replace(
  holder: object,
  name: PropertyKey,
  by: (real: unknown) => unknown,
): void {
  const before = Object.getOwnPropertyDescriptor(holder, name);
  const real: unknown = Reflect.get(holder, name);
  if (before?.configurable !== true || real === undefined) return;
  Object.defineProperty(holder, name, {
    value: by(real),
    writable: true,
    enumerable: before.enumerable ?? true,
    configurable: true,
  });
  undo.push(() => {
    Object.defineProperty(holder, name, before);
  });
}

function guarded(real: AnyFunction, what: string, advice: string): AnyFunction {
  const refusing = function refusing(
    this: unknown,
    ...given: unknown[]
  ): unknown {
    refuse(what, advice);
    return Reflect.apply(real, this, given);
  };
  // Whoever makes a promise of it gets one that refuses as well.
  const promised = (real as unknown as Holder)[promisify.custom];
  if (typeof promised === "function")
    Object.defineProperty(refusing, promisify.custom, {
      value:
        promised === real
          ? refusing
          : guarded(promised as AnyFunction, what, advice),
    });
  return refusing;
}
