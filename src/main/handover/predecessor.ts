import { aside } from "../aside.ts";
import type { ListeningAdmin } from "../inspector.ts";
import { SluiceError } from "../../errors.ts";
import { monotonicNow } from "../../protocol/clock.ts";
import type { SocketHandle } from "../../protocol/socket-handle.ts";
import type { ShutdownOptions } from "../shutdown-options.ts";
import type { Malformed } from "../malformed.ts";
import type { StartingProcess } from "../main-surroundings.ts";
import type { InheritedIngress } from "../accept/ingress.ts";
import type { Shard } from "../shards/shard.ts";
import { settledWithin } from "../deadlines.ts";
import type { Handover, HandoverHost } from "./handover.ts";
import { leastLoaded } from "./least-loaded.ts";
import { type Tally, takeTally } from "./version-comparison.ts";
import { OtherProcess, type ProcessMessage } from "./other-process.ts";
import { hearProcess } from "./read-process-message.ts";
import { selfTestAll } from "./self-test.ts";
import { isStill, type OldVersion, watchVersion } from "./version-watch.ts";

const GIVE_BACK_MS = 3_000;
/** Of the time in which this process has to end, what is on its way may take this share to arrive. */
const ARRIVAL_SHARE = 0.5;

/** What taking over needs of the server. */
export interface SuccessorHost extends HandoverHost {
  readonly lifecycle: {
    readonly isStopping: boolean;
    /** What is left of the time in which it has to end, once it is stopping. */
    readonly deadlineInMs: number | undefined;
  };
  readonly requests: {
    shutdown(options: ShutdownOptions): Promise<unknown>;
    force(): void;
  };
}

/** The process before this one, which hands its connections over. */
export class Predecessor {
  readonly inheritance: InheritedIngress;
  readonly #process: StartingProcess;
  readonly #messages: Channel;
  readonly #handover: Handover;
  readonly #host: SuccessorHost;
  readonly #other: OtherProcess;
  /** How the process before fares, as it says: at first, and by now. */
  readonly #tallies: Tally[] = [];
  #watch: { stop(): void } | undefined;
  /** Nothing is given back any more. */
  #isOver = false;
  #leaving: Promise<void> | undefined;
  readonly #done = Promise.withResolvers<ListeningAdmin | undefined>();
  readonly #gone = Promise.withResolvers<void>();

  private constructor(
    process: StartingProcess,
    inheritance: InheritedIngress,
    messages: Channel,
    host: SuccessorHost,
    handover: Handover,
  ) {
    this.#process = process;
    this.inheritance = inheritance;
    this.#messages = messages;
    this.#host = host;
    this.#handover = handover;
    this.#other = new OtherProcess(
      process,
      handover.relay,
      () => leastLoaded(host.fleet.shards),
      (socket) => host.ingress.admit(socket),
    );
  }

  /** Greets it, and is given the listening socket. */
  static async greet(
    process: StartingProcess,
    host: SuccessorHost,
    handover: Handover,
  ): Promise<Predecessor> {
    handover.announce("taking-over", { from: process.pid });
    const messages = new Channel(process, host.malformed);
    const hello = { sluice: { type: "hello" } satisfies ProcessMessage };
    // Where it is gone by now, that is what the next line hears of.
    process.send(hello, undefined, () => {});
    const { message, handle } = await messages.next("take-over");
    const { firstNumber, host: name, port, ports } = message;
    // Before this process accepts there, or is given the first one.
    host.surroundings.closeInherited(ports);
    const inheritance = { firstNumber, host: name, port, ports, handle };
    return new Predecessor(process, inheritance, messages, host, handover);
  }

  /** Resolves when the process before has ended. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /**
   * Tries every shard with a connection of our own.
   *
   * @throws SluiceError `ERR_SLUICE_SHARD_START` when one does not serve it.
   */
  async prove(
    shards: readonly Shard[],
    isSecure: boolean,
    takeNumber: () => number,
  ): Promise<void> {
    const complaint = await selfTestAll(shards, {
      connect: this.#host.surroundings.connectToShard,
      takeNumber,
      isSecure,
    });
    if (complaint !== undefined)
      throw new SluiceError("ERR_SLUICE_SHARD_START", complaint);
  }

  /**
   * Takes the connections, while it watches how they fare. Resolves when the
   * process before has left the field, or when both are to stop.
   *
   * @returns the inspector's listening socket, and where it listens, where the
   *   process before has passed it on
   * @throws SluiceError `ERR_SLUICE_UPGRADE` when they fare badly; what has come
   *   was given back as far as it could be.
   */
  async takeOver(): Promise<ListeningAdmin | undefined> {
    const over = (admin?: ListeningAdmin): void => {
      this.#watch?.stop();
      this.#isOver = true;
      this.#handover.announce("taken-over", {
        connections: this.#handover.relay.movedIn,
      });
      this.#done.resolve(admin);
    };
    this.#messages.listen((message, handle) => {
      switch (message.type) {
        case "committed":
          return over(message.admin && handle && { ...message.admin, handle });
        case "tally":
          return this.#hear(message.tally);
        case "sent":
          return aside(
            this.#handover.relay
              .landed()
              .then(() => this.#other.say({ type: "landed" })),
            "waiting for connections to land",
          );
        case "stop":
          return this.#stop(message);
        case "force":
          return this.#host.requests.force();
        case "hello":
        case "take-over":
        case "ready":
        case "failed":
        case "landed":
        case "accepted":
        case "connection":
        case "received":
        case "refused":
        case "yours":
          return this.#other.take(message, handle);
      }
    });
    const onGone = (): void => {
      this.#gone.resolve();
      this.#other.broken();
      // Nobody is left to go back to.
      if (!this.#isOver) over();
    };
    this.#process.onGone(onGone);
    if (!this.#isOver)
      this.#watch = watchVersion(
        this.#host.fleet.shards,
        this.#oldVersion,
        (complaint) => {
          if (this.#isOver) return;
          // It fails as a whole, and its shards close already.
          if (this.#host.lifecycle.isStopping)
            aside(
              this.leave(this.#host.lifecycle.deadlineInMs ?? 0),
              "leaving",
            );
          else
            aside(
              this.#giveBack(complaint).then(() =>
                this.#done.reject(
                  new SluiceError("ERR_SLUICE_UPGRADE", complaint),
                ),
              ),
              "giving connections back",
            );
        },
      );
    this.#other.say({ type: "ready" });
    return await this.#done.promise;
  }

  /**
   * This process stops, by whomever it was asked to: it takes nothing any more,
   * and the one before goes on with what it still has.
   *
   * @param withinMs - Until this process has ended.
   * @returns what resolves when nothing is on its way here, so that what has
   *   come can be told; `undefined` when this process is on its own
   */
  leave(withinMs: number): Promise<void> | undefined {
    if (!this.#isOver) this.#leaving = this.#leave(withinMs);
    return this.#leaving;
  }

  async #leave(withinMs: number): Promise<void> {
    this.#isOver = true;
    this.#watch?.stop();
    this.#other.close();
    this.#other.say({ type: "failed", why: "it was asked to stop", withinMs });
    // Load balancers see one port, on which the one before goes on.
    this.#host.ingress.passTo(this.#other);
    await settledWithin(this.#other.emptied(), withinMs * ARRIVAL_SHARE);
    this.#done.resolve(undefined);
  }

  #stop({
    reason,
    deadlineMs,
  }: Extract<ProcessMessage, { type: "stop" }>): void {
    // Whoever wants to know how it went awaits `terminated`.
    this.#host.requests
      .shutdown({ reason, ...(deadlineMs !== undefined && { deadlineMs }) })
      .catch(() => {});
  }

  #hear(tally: Tally): void {
    if (this.#tallies.length > 1) this.#tallies.pop();
    this.#tallies.push(tally);
  }

  /** One that says nothing, as older ones do, has had nobody fail. */
  get #oldVersion(): OldVersion {
    const unknown = takeTally([]);
    return {
      began: this.#tallies[0] ?? unknown,
      now: () => this.#tallies.at(-1) ?? unknown,
    };
  }

  async #giveBack(why: string): Promise<void> {
    this.#other.close();
    this.#other.say({ type: "failed", why, withinMs: GIVE_BACK_MS });
    const { fleet, ingress } = this.#host;
    // The one before carries on, and has those who come from now on.
    ingress.passTo(this.#other);
    // One that hangs gives nothing back, and is not waited for.
    for (const shard of fleet.shards) if (isStill(shard)) shard.kill();
    const moves = fleet.shards.map(
      (shard) =>
        this.#handover.relay.move(
          shard,
          { kind: "process", forward: this.#other.forward },
          monotonicNow() + GIVE_BACK_MS,
        ).done,
    );
    await settledWithin(Promise.all(moves), GIVE_BACK_MS);
  }
}

/** The messages of the process before, from the first on, in order. */
class Channel {
  readonly #queue: {
    message: ProcessMessage;
    handle: SocketHandle | undefined;
  }[] = [];
  #listener:
    | ((message: ProcessMessage, handle: SocketHandle | undefined) => void)
    | undefined;
  readonly #process: StartingProcess;
  #wake = (): void => {};

  constructor(process: StartingProcess, malformed: Malformed) {
    this.#process = process;
    process.onMessage((raw, given) => {
      hearProcess(raw, given, {
        take: (message, handle) => this.#take(message, handle),
        refuse: (number) => {
          const sluice = { type: "refused", number } satisfies ProcessMessage;
          process.send({ sluice }, undefined, () => {});
        },
        drop: (what) => malformed.dropped("process", what),
      });
    });
  }

  #take(message: ProcessMessage, handle: SocketHandle | undefined): void {
    if (this.#listener !== undefined) return this.#listener(message, handle);
    this.#queue.push({ message, handle });
    return this.#wake();
  }

  async next<Type extends ProcessMessage["type"]>(
    type: Type,
  ): Promise<{
    message: Extract<ProcessMessage, { type: Type }>;
    handle: SocketHandle | undefined;
  }> {
    for (;;) {
      const first = this.#queue.shift();
      if (first?.message.type === type) return first as never;
      if (first === undefined)
        await new Promise<void>((resolve, reject) => {
          this.#wake = resolve;
          const onGone = (): void =>
            reject(
              new SluiceError(
                "ERR_SLUICE_UPGRADE",
                "the process before has gone before it handed anything over",
              ),
            );
          this.#process.onGone(onGone);
        });
    }
  }

  listen(
    listener: (
      message: ProcessMessage,
      handle: SocketHandle | undefined,
    ) => void,
  ): void {
    this.#listener = listener;
    for (const { message, handle } of this.#queue.splice(0))
      listener(message, handle);
  }
}
