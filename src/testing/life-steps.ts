/** What happens in a random life, step by step, as plain data and in sentences. */
import { describeCall } from "./ask-options.ts";
import { inspectorCallBy } from "./inspector-calls.ts";

/**
 * What can go wrong, or is asked of the server, in a random life. The names are
 * those of the option `faults`.
 */
export const faults = [
  "slow",
  "half-frame",
  "reset",
  "end",
  "mute",
  "hold",
  "block",
  "crash",
  "jump",
  "move",
  "rebalance",
  "drain",
  "restart",
  "reload",
  "call-off",
  "shutdown",
  "upgrade",
  "kill",
  "cut",
  "lose",
  "late",
  "nats-restart",
  "inspect",
] as const;
export type Fault = (typeof faults)[number];

/** They happen between instances: to one by itself they do nothing. */
const clusterFaults: ReadonlySet<Fault> = new Set([
  ...(["cut", "lose", "late", "nats-restart"] as const),
]);

/** All that may happen to so many instances; their inspector is asked where they have one. */
export function faultsFor(
  instances: number,
  hasInspector: boolean,
): readonly Fault[] {
  return faults.filter((fault) => {
    if (fault === "inspect") return hasInspector;
    return instances > 1 || !clusterFaults.has(fault);
  });
}

/** What a client closes with. */
export function closeCodeOf({ amount }: Pick<Step, "amount">): number {
  return amount % 2 === 0 ? 1000 : 4000;
}

/** A step of a random life, as plain data. */
export interface Step {
  readonly does: "open" | "say" | "close" | "wait" | Fault;
  /** Chooses among clients and shards: the same, whoever else is there. */
  readonly pick: number;
  /** How much of it: messages, or milliseconds. */
  readonly amount: number;
  /** How long the story goes on before the next step; milliseconds. */
  readonly pause: number;
  readonly path: string;
  readonly message: string;
}

/** Clients of a story are people. */
const NAMES = [
  ...["ann", "bob", "cleo", "dan", "eve", "finn", "gus", "hana", "ivo", "jo"],
  ...["kim", "leo", "mia", "ned", "olga", "pia", "quin", "rosa", "sam", "tess"],
] as const;

/** Below it, numbers give a plain name. */
export const NAMES_COUNT = NAMES.length;

/** The same number gives the same name, whoever else is there. */
export function nameBy(pick: number): string {
  const again = Math.floor(pick / NAMES.length);
  return `${NAMES[pick % NAMES.length]}${again === 0 ? "" : ` ${again + 1}`}`;
}

/** Who is meant by a step, as far as that is known. */
export interface StepCast {
  readonly client?: string | undefined;
  readonly shard?: number | undefined;
  readonly instance?: number | undefined;
}

/** A step as a sentence. */
export function describeStep(
  { does, pick, amount, pause, path, message }: Step,
  { client = "a client", shard, instance }: StepCast = {},
): string {
  const place = shard === undefined ? "a shard" : `shard ${shard}`;
  const whose =
    instance === undefined ? "the server" : `server ${instance + 1}`;
  const times = 1 + (amount % 5);
  const sentences: Readonly<Record<Step["does"], string>> = {
    open: `${client} connects to ${path}`,
    say: `${client} says ${JSON.stringify(message)}${times > 1 ? `, ${times} times` : ""}`,
    close: `${client} closes with ${closeCodeOf({ amount })}`,
    wait: `${amount * 10} ms pass`,
    slow:
      amount % 2 === 0 ? `${client} stops reading` : "everybody reads again",
    "half-frame": `${client} sends half a message`,
    reset: `${client} breaks TCP off`,
    end: `${client} ends TCP`,
    mute: `${client} goes mute`,
    hold: `the network stands still for ${amount * 5} ms`,
    block: `${place} is blocked for ${amount * 10} ms`,
    crash: `${place} crashes`,
    jump: `the wall clock jumps by ${amount - 50} minutes`,
    move: `the connections of ${place} move away`,
    rebalance: `${whose} rebalances`,
    drain: `${whose} drains some of its connections`,
    restart: `${place} is restarted`,
    reload: `${whose} reloads its handlers`,
    "call-off": `${whose} begins to shut down, and is called off ${amount} ms later`,
    shutdown: `${whose} shuts down`,
    upgrade: `a new process takes the place of ${whose}`,
    kill: `a process of ${whose} is killed`,
    cut: `${whose} is cut off from NATS`,
    lose: "messages between instances are lost",
    late: "messages between instances come late",
    "nats-restart": "NATS ends, and comes back",
    inspect: describeCall(inspectorCallBy(pick, amount), whose),
  };
  return `${sentences[does]}${pause > 0 ? `; ${pause} ms pass` : ""}`;
}
