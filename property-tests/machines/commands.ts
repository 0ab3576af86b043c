import * as fc from "fast-check";
import type { ConnectionEventType } from "../../src/machines/connection-machine.ts";
import { replay } from "../support/laws.ts";
import {
  type SimulatedConnection,
  Simulation,
  type Temper,
} from "./simulation.ts";

/** No model beside the simulation: the laws look at what it has kept. */
type Model = Record<string, never>;

/** Something that happens to connections in simulated time. */
abstract class Command implements fc.Command<Model, Simulation> {
  check(): boolean {
    return true;
  }

  run(_model: Model, simulation: Simulation): void {
    this.happen(simulation);
    for (const look of simulation.looks) look();
  }

  abstract happen(simulation: Simulation): void;
  abstract toString(): string;
}

class SocketArrives extends Command {
  readonly #temper: Temper;
  constructor(temper: Temper) {
    super();
    this.#temper = temper;
  }
  happen(simulation: Simulation): void {
    simulation.adopt(this.#temper);
  }
  toString(): string {
    const { handlers, compressing, flushesAtOnce, answersAtOnce } =
      this.#temper;
    const traits = [
      ...(handlers > 0 ? [`${handlers} handlers in flight`] : []),
      ...(compressing > 0 ? [`${compressing} messages being compressed`] : []),
      ...(flushesAtOnce ? ["room in the kernel"] : []),
      ...(answersAtOnce ? ["an eager peer"] : []),
    ];
    return `a socket arrives${traits.length > 0 ? ` with ${traits.join(", ")}` : ""}`;
  }
}

/** Something that happens to one of the connections there are. */
abstract class ConnectionCommand extends Command {
  readonly #index: number;
  constructor(index: number) {
    super();
    this.#index = index;
  }
  happen({ connections }: Simulation): void {
    const connection = connections[this.#index % connections.length];
    if (connection !== undefined) this.befall(connection);
  }
  toString(): string {
    return `connection ${this.#index} ${this.sentence}`;
  }
  abstract readonly sentence: string;
  abstract befall(connection: SimulatedConnection): void;
}

/** A fact that the machine is told as it is. */
abstract class Fact extends ConnectionCommand {
  abstract readonly event: ConnectionEventType;
  befall(connection: SimulatedConnection): void {
    connection.tell(this.event);
  }
}

class UpgradeIsAccepted extends Fact {
  readonly event = "upgrade.accepted";
  readonly sentence = "has its upgrade accepted";
}
class UpgradeIsRefused extends Fact {
  readonly event = "upgrade.refused";
  readonly sentence = "has its upgrade refused";
}
class HttpIsRequested extends Fact {
  readonly event = "http.requested";
  readonly sentence = "has a request of plain HTTP";
}
class RequestIsReceived extends Fact {
  readonly event = "request.received";
  readonly sentence = "has read the whole request";
}
class RequestIsBroken extends Fact {
  readonly event = "request.broken";
  readonly sentence = "reads a malformed body";
}
class RequestIsAnswered extends Fact {
  readonly event = "request.answered";
  readonly sentence = "has answered its request";
}
class RequestIsConcluded extends Fact {
  readonly event = "request.concluded";
  readonly sentence = "has answered its last request";
}
class RequestIsBegun extends Fact {
  readonly event = "request.begun";
  readonly sentence = "reads the first byte of another request";
}
class AnswerStalls extends Fact {
  readonly event = "answer.stalled";
  readonly sentence = "has an answer that is not read";
}
class AnswerIsTaken extends Fact {
  readonly event = "answer.taken";
  readonly sentence = "has its answer read on";
}
class HeartbeatIsDue extends Fact {
  readonly event = "heartbeat.due";
  readonly sentence = "has been silent for long";
}
class PeerResponds extends Fact {
  readonly event = "peer.responded";
  readonly sentence = "hears from its peer";
}
class BufferOverflows extends Fact {
  readonly event = "buffer.overflowed";
  readonly sentence = "is over the high-water mark";
}
class BufferDrains extends Fact {
  readonly event = "buffer.drained";
  readonly sentence = "is at the low-water mark";
}
class BufferExceeds extends Fact {
  readonly event = "buffer.exceeded";
  readonly sentence = "is over the hard limit";
}
class BufferFlushes extends Fact {
  readonly event = "buffer.flushed";
  readonly sentence = "has nothing left to write";
}
class SocketCloses extends Fact {
  readonly event = "socket.closed";
  readonly sentence = "loses its socket";
}

class MoveIsRefused extends Fact {
  readonly event = "move.refused";
  readonly sentence = "may not move after all";
}
class MoveArrives extends Fact {
  readonly event = "move.arrived";
  readonly sentence = "has arrived in another thread";
}
class MoveIsRequested extends ConnectionCommand {
  readonly sentence = "is asked to move to another thread";
  befall(connection: SimulatedConnection): void {
    connection.askToMove(1_500);
  }
}

class ApplicationCloses extends ConnectionCommand {
  readonly sentence = "is closed by the application with 4000";
  befall(connection: SimulatedConnection): void {
    connection.endWith("close.requested", 4000);
  }
}
class PeerCloses extends ConnectionCommand {
  readonly sentence = "is closed by its peer with 1000";
  befall(connection: SimulatedConnection): void {
    connection.endWith("peer.closed", 1000);
  }
}
class PeerBreaksProtocol extends ConnectionCommand {
  readonly sentence = "reads a frame that breaks the protocol";
  befall(connection: SimulatedConnection): void {
    connection.endWith("protocol.violated", 1002);
  }
}
class HandlerFinishes extends ConnectionCommand {
  readonly sentence = "sees a handler finish";
  befall(connection: SimulatedConnection): void {
    connection.finishHandler();
  }
}

class CompressorPassesOn extends ConnectionCommand {
  readonly sentence = "has compressed a message";
  befall(connection: SimulatedConnection): void {
    connection.compress();
  }
}

class TimePasses extends Command {
  readonly #ms: number;
  constructor(ms: number) {
    super();
    this.#ms = ms;
  }
  happen({ clock }: Simulation): void {
    clock.advance(this.#ms);
  }
  toString(): string {
    return `${this.#ms} ms pass`;
  }
}

class IsToldToGo extends ConnectionCommand {
  readonly sentence: string;
  readonly #deadlineMs: number;
  constructor(index: number, deadlineMs: number) {
    super(index);
    this.#deadlineMs = deadlineMs;
    this.sentence = `is told to go within ${deadlineMs} ms`;
  }
  befall(connection: SimulatedConnection): void {
    connection.shard.tellToGo(connection, this.#deadlineMs);
  }
}

class HasNoTimeLeft extends ConnectionCommand {
  readonly sentence = "has no time left";
  befall(connection: SimulatedConnection): void {
    connection.limitDeadline(connection.shard.clock.now());
    connection.tell("deadline.reached");
  }
}

const indices = fc.nat(5);
const tempers: fc.Arbitrary<Temper> = fc.record({
  handlers: fc.nat(2),
  compressing: fc.nat(2),
  flushesAtOnce: fc.boolean(),
  answersAtOnce: fc.boolean(),
});

const at = (Kind: new (index: number) => Command): fc.Arbitrary<Command> =>
  indices.map((index) => new Kind(index));

const arrivals = tempers.map((temper) => new SocketArrives(temper));

/** Lives of up to a few connections, from quiet to absurd. */
export const walks = fc.commands<Model, Simulation>(
  [
    arrivals,
    arrivals,
    // Most of what is worth seeing happens to those that are open.
    at(UpgradeIsAccepted),
    at(UpgradeIsAccepted),
    at(UpgradeIsAccepted),
    at(UpgradeIsRefused),
    at(HttpIsRequested),
    at(RequestIsReceived),
    at(RequestIsBroken),
    at(RequestIsAnswered),
    at(RequestIsConcluded),
    at(RequestIsBegun),
    at(AnswerStalls),
    at(AnswerIsTaken),
    at(HeartbeatIsDue),
    at(PeerResponds),
    at(BufferOverflows),
    at(BufferDrains),
    at(BufferExceeds),
    at(BufferFlushes),
    at(BufferFlushes),
    at(SocketCloses),
    at(ApplicationCloses),
    at(PeerCloses),
    at(PeerBreaksProtocol),
    at(HandlerFinishes),
    at(CompressorPassesOn),
    at(MoveIsRequested),
    at(MoveIsRefused),
    at(MoveArrives),
    fc.integer({ min: 1, max: 40 }).map((ms) => new TimePasses(ms)),
    fc.integer({ min: 1, max: 6_000 }).map((ms) => new TimePasses(ms)),
    fc
      .tuple(indices, fc.integer({ min: 0, max: 12_000 }))
      .map(([index, deadlineMs]) => new IsToldToGo(index, deadlineMs)),
    at(HasNoTimeLeft),
  ],
  { size: "+1", maxCommands: 60, ...replay() },
);

/** Lets a walk happen, and looks after each of its commands. */
export function walkThrough(
  commands: Iterable<fc.Command<Model, Simulation>>,
  look: (simulation: Simulation) => void = () => {},
): Simulation {
  const simulation = new Simulation();
  simulation.looks.push(() => look(simulation));
  fc.modelRun(() => ({ model: {}, real: simulation }), commands);
  return simulation;
}
