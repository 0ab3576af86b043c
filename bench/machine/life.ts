/**
 * Measures the life of connection machines, with actions that do nothing but
 * be called. Run as a process of its own: arguments are the contender and how
 * long to measure, in milliseconds; prints one line of JSON.
 */
import { createActor, type AnyActorRef } from "xstate";
import {
  connectionDelays,
  connectionMachine,
  type ConnectionEventType,
} from "../../src/machines/connection-machine.ts";
import { connectionTable } from "../../src/machines/connection-table.ts";
import {
  LifecycleRunner,
  type LifecycleHost,
} from "../../src/workers/lifecycle/runner.ts";

/** What is printed; times are of CPU. */
export interface LifeReport {
  readonly lifeMicros: number;
  readonly transitionMicros: number;
  /** Growth of the heap for each machine in `open.healthy`. */
  readonly openBytes: number;
}

/** A way of running machines. */
interface Contestant<Machine> {
  /** A machine in its initial state. */
  create(): Machine;
  send(machine: Machine, event: ConnectionEventType): void;
}

/** From the accepted upgrade to terminated, a heartbeat in between. */
const life: readonly ConnectionEventType[] = [
  "upgrade.accepted",
  "heartbeat.due",
  "peer.responded",
  "shutdown.requested",
  "handlers.settled",
  "buffer.flushed",
  "peer.closed",
  "socket.closed",
];
const opened: ConnectionEventType = "upgrade.accepted";
const heldMachines = 20_000;
const livesBetweenClocks = 500;

function createHost(): LifecycleHost<ConnectionEventType> {
  return {
    // The runner sets the state when it starts the host.
    lifecycle: undefined as never,
    enteredAt: 0,
    mailbox: null,
    wheelNext: null,
    wheelPrevious: null,
    wheelDue: 0,
  };
}

const actionNames = new Set(
  connectionTable.states
    .flatMap((state) => [...state.steps.values()])
    .concat(connectionTable.initial)
    .flatMap((step) => step.actions)
    .map((action) => action.type),
);
const nothing = (): void => {};

function runnerContestant(): Contestant<LifecycleHost<ConnectionEventType>> {
  const edgeCounts = new Uint32Array(connectionTable.edges.length);
  const runner = new LifecycleRunner<
    ConnectionEventType,
    LifecycleHost<ConnectionEventType>
  >({
    table: connectionTable,
    actions: Object.fromEntries(
      [...actionNames].map((name) => [name, nothing]),
    ),
    delays: Object.fromEntries(
      Object.entries(connectionDelays).map(([name, ms]) => [name, () => ms]),
    ),
    // As a shard does: every transition is counted.
    observe: (_host, _event, _source, _target, edge) => {
      edgeCounts[edge] = (edgeCounts[edge] ?? 0) + 1;
    },
    clock: {
      now: () => performance.now(),
      setTimeout: (callback, ms) => setTimeout(callback, ms),
      clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
      afterPoll: (callback) => void setImmediate(callback),
    },
  });
  return {
    create: () => {
      const host = createHost();
      runner.start(host);
      return host;
    },
    send: (host, event) => runner.send(host, event),
  };
}

function actorContestant(): Contestant<AnyActorRef> {
  return {
    create: () => createActor(connectionMachine).start(),
    send: (actor, type) => actor.send({ type }),
  };
}

function liveOnce<Machine>(contestant: Contestant<Machine>): void {
  const machine = contestant.create();
  for (const event of life) contestant.send(machine, event);
}

function measure<Machine>(
  contestant: Contestant<Machine>,
  measureMs: number,
): LifeReport {
  const openBytes = weigh(contestant);
  const cpuMicrosPerLife = (forMs: number): number => {
    const end = performance.now() + forMs;
    const before = process.cpuUsage();
    let lives = 0;
    while (performance.now() < end) {
      for (let count = 0; count < livesBetweenClocks; count++) {
        liveOnce(contestant);
      }
      lives += livesBetweenClocks;
    }
    const used = process.cpuUsage(before);
    return (used.user + used.system) / lives;
  };
  // The first part is the warm-up.
  cpuMicrosPerLife(measureMs / 2);
  const lifeMicros = cpuMicrosPerLife(measureMs);
  // The initial transition counts as one.
  return {
    lifeMicros,
    transitionMicros: lifeMicros / (life.length + 1),
    openBytes,
  };
}

function weigh<Machine>(contestant: Contestant<Machine>): number {
  for (let count = 0; count < livesBetweenClocks; count++) liveOnce(contestant);
  const machines: Machine[] = Array.from<Machine>({
    length: heldMachines,
  });
  const before = collectedHeap();
  for (let index = 0; index < heldMachines; index++) {
    const machine = contestant.create();
    contestant.send(machine, opened);
    machines[index] = machine;
  }
  const after = collectedHeap();
  for (const machine of machines) contestant.send(machine, "socket.closed");
  return (after - before) / machines.length;
}

function collectedHeap(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const [, , name, milliseconds] = process.argv;
const measureMs = Number(milliseconds);
const report =
  name === "sluice"
    ? measure(runnerContestant(), measureMs)
    : measure(actorContestant(), measureMs);
console.log(JSON.stringify(report));
process.exit(0);
