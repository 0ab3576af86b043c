import type {
  AnyStateMachine,
  EventFromLogic,
  InputFrom,
  StateMachine,
} from "xstate";
import {
  type Connection,
  defineHandlers,
  type Handlers,
  type HandlerShard,
} from "../handlers.ts";
import { type ActorHost, withActors } from "../protocol/actor-host.ts";
import { CLOSE_CODE } from "../rfc6455.ts";
import type {
  ActionParams,
  CloseParams,
  PublishParams,
  SendParams,
  SubscribeParams,
  UnsubscribeParams,
} from "./connection-actions.ts";
import { type ActorsShared, ConnectionActor } from "./actor.ts";
import { drawMachine } from "./drawing.ts";
import { type ConnectionFact, isClientEvent } from "./facts.ts";
import { type PersistedActor, readPersisted } from "./persisted-actor.ts";
import { Population } from "./population.ts";

/** The state of a connection that may leave at any moment. */
const MOVING = "open.moving";
/** Where no shard says when: spread over so long. */
const COME_BACK_MS = 5_000;

type Event<Machine extends AnyStateMachine> = EventFromLogic<Machine>;

/** What a machine may be told by a client: its events without the connection's own. */
export type ClientEvent<Machine extends AnyStateMachine> = Exclude<
  Event<Machine>,
  { type: ConnectionFact["type"] | `xstate.${string}` }
>;

// oxlint-disable no-unused-vars -- what is not wanted has to be named as well
type ActionOf<Machine> =
  Machine extends StateMachine<
    infer _Context,
    infer _Event,
    infer _Children,
    infer _Actor,
    infer Action,
    infer _Guard,
    infer _Delay,
    infer _StateValue,
    infer _Tag,
    infer _Input,
    infer _Output,
    infer _Emitted,
    infer _Meta,
    infer _StateSchema,
    infer _TransitionMeta
  >
    ? Action
    : never;
// oxlint-enable no-unused-vars

/** The names of connection actions that a machine declares with other parameters. */
type WrongActions<Machine extends AnyStateMachine> = {
  [Name in keyof ActionParams]: ActionOf<Machine> extends infer Action
    ? Action extends { type: Name; params: infer Params }
      ? Params extends ActionParams[Name]
        ? never
        : Name
      : never
    : never;
}[keyof ActionParams];

/** The names of connection facts that a machine declares with other fields. */
type WrongFacts<Machine extends AnyStateMachine> =
  Event<Machine> extends infer Declared
    ? Declared extends { type: infer Name extends ConnectionFact["type"] }
      ? Extract<ConnectionFact, { type: Name }> extends Declared
        ? never
        : Name
      : never
    : never;

/** A machine whose connection actions and facts are what {@link machineHandlers} gives them. */
export type ConnectionMachine<Machine extends AnyStateMachine> = [
  WrongActions<Machine>,
  WrongFacts<Machine>,
] extends [never, never]
  ? Machine
  : Machine & {
      readonly "takes other parameters than machineHandlers gives": [
        WrongActions<Machine>,
        WrongFacts<Machine>,
      ];
    };

/** What {@link machineHandlers} needs besides the machine. */
export type MachineHandlersOptions<
  Machine extends AnyStateMachine,
  Data,
  Said = ClientEvent<Machine>,
> = Pick<Handlers<Data>, "authorize" | "started"> & {
  /**
   * Makes an event of a message. `undefined`, or a `SyntaxError` as of
   * `JSON.parse`, refuses it: the connection is closed with 1007. So is what
   * returns one of the connection's own facts or an event of XState's. What
   * else it throws is a failure of the handler.
   */
  decode(
    data: Buffer,
    isBinary: boolean,
    connection: Connection<Data>,
  ): Said | undefined;
} & (undefined extends InputFrom<Machine>
    ? { input?(connection: Connection<Data>): InputFrom<Machine> }
    : {
        /** The machine's input, for a connection that has opened. */
        input(connection: Connection<Data>): InputFrom<Machine>;
      });

/**
 * Handlers that run an XState machine: one actor for each connection. It is told
 * what comes as events (`opened`, what `decode` makes of messages, `draining`,
 * `drained`, `dropped`, `closed`), and does things by actions of these names:
 * `send`, `publish`, `subscribe`, `unsubscribe`, `close`; see
 * {@link connectionActions}.
 *
 * - Where the connection moves, the actor's persisted snapshot travels, with
 *   what is left of its delays. It waits while the machine is in a state tagged
 *   `busy` or a promise that it has invoked is under way. A state that the
 *   machine of a new version does not know ends the connection with 1012.
 * - A shutdown waits for the same, up to its deadline.
 * - A final state closes the connection: with 1000, or with `code` and `reason`
 *   of the machine's output.
 * - What an action, a guard or an invoked promise throws and the machine does
 *   not answer (`onError`) is a failure of the handler.
 *
 * @example
 * ```ts
 * import { connectionActions, type ConnectionFact, machineHandlers } from "sluice";
 * import { setup } from "xstate";
 *
 * const bidder = setup({
 *   types: { events: {} as ConnectionFact | { type: "bid"; bid: number } },
 *   actions: connectionActions,
 * }).createMachine({
 *   on: { bid: { actions: { type: "send", params: { data: "noted" } } } },
 * });
 *
 * export default machineHandlers(bidder, {
 *   decode: (data) => {
 *     const bid = Number(data.toString());
 *     return Number.isInteger(bid) ? { type: "bid", bid } : undefined;
 *   },
 * });
 * ```
 */
export function machineHandlers<
  Machine extends AnyStateMachine,
  const Said extends ClientEvent<Machine>,
  Data = unknown,
>(
  machine: Machine & ConnectionMachine<NoInfer<Machine>>,
  options: MachineHandlersOptions<Machine, Data, Said>,
): Handlers<Data> {
  const service = new MachineService<Data>(machine, options);
  return service.handlers;
}

/** The options, as they are once the compiler has checked them. */
interface Options<Data> extends Pick<Handlers<Data>, "authorize" | "started"> {
  decode(
    data: Buffer,
    isBinary: boolean,
    connection: Connection<Data>,
  ): unknown;
  input?(connection: Connection<Data>): unknown;
}

/** What a connection's handlers have in their hands: an actor, or one that has been taken down. */
interface Life {
  actor: ConnectionActor;
  /** Taken down, and not yet gone. */
  persisted: PersistedActor | undefined;
}

class MachineService<Data> {
  readonly #options: Options<Data>;
  readonly #shared: {
    -readonly [Name in keyof ActorsShared]: ActorsShared[Name];
  };
  readonly #lives = new WeakMap<object, Life>();
  #shard: HandlerShard | undefined;

  constructor(machine: AnyStateMachine, options: Options<Data>) {
    this.#options = options;
    this.#shared = {
      machine: machine.provide({ actions: this.#hands() }),
      population: new Population(),
      host: undefined,
      owners: new WeakMap(),
    };
  }

  get handlers(): Handlers<Data> {
    const { authorize } = this.#options;
    const handlers = defineHandlers<Data>({
      ...(authorize !== undefined && {
        authorize: (request, signal) =>
          this.#options.authorize?.(request, signal),
      }),
      started: (shard) => {
        this.#shard = shard;
        return this.#options.started?.(shard);
      },
      opened: (connection) => this.#open(connection),
      message: (connection, data, isBinary) =>
        this.#hear(connection, data, isBinary),
      dropped: (connection, missed) =>
        this.#tell(connection, "dropped", { type: "dropped", missed }),
      draining: (connection) => {
        this.#tell(connection, "draining", { type: "draining" });
        return this.#actorOf(connection)?.atRest();
      },
      suspend: (connection) => this.#suspend(connection),
      resume: (connection, state) => this.#resume(connection, state),
      closed: (connection, end) =>
        this.#close(connection, { type: "closed", ...end }),
    });
    const shared = this.#shared;
    const actorOf = (connection: Connection): ConnectionActor | undefined =>
      this.#actorOf(connection);
    let chart: string | undefined;
    return withActors(handlers, {
      attach(host: ActorHost) {
        shared.host = host;
      },
      get chart() {
        return (chart ??= drawMachine(shared.machine));
      },
      population: () => shared.population.counts,
      stateOf: (connection) => actorOf(connection)?.state,
      followingChanged: (connection) => actorOf(connection)?.follow(),
    });
  }

  #open(connection: Connection<Data>): void {
    const input = this.#options.input?.(connection);
    const actor = ConnectionActor.begin(this.#shared, connection, input);
    this.#lives.set(connection, { actor, persisted: undefined });
    actor.start("opened");
    actor.tell("opened", { type: "opened" });
  }

  #hear(connection: Connection<Data>, data: Buffer, isBinary: boolean): void {
    const actor = this.#actorOf(connection);
    // It has ended, and the connection is about to.
    if (actor === undefined) return;
    const event = this.#decode(data, isBinary, connection);
    if (isClientEvent(event)) actor.tell("message", event);
    else
      connection.close(
        CLOSE_CODE.invalidPayload,
        "the message is not understood",
      );
  }

  #decode(
    data: Buffer,
    isBinary: boolean,
    connection: Connection<Data>,
  ): unknown {
    try {
      return this.#options.decode(data, isBinary, connection);
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  #tell(
    connection: Connection<Data>,
    hook: "draining" | "dropped",
    fact: ConnectionFact,
  ): void {
    this.#actorOf(connection)?.tell(hook, fact);
  }

  #suspend(
    connection: Connection<Data>,
  ): PersistedActor | undefined | Promise<PersistedActor | undefined> {
    const life = this.#lives.get(connection);
    if (life === undefined) return undefined;
    const packed = (): PersistedActor | undefined =>
      (life.persisted ??= life.actor.persist(connection.data));
    const rest = life.actor.atRest();
    if (rest === undefined) return packed();
    // It took so long that the connection has stayed, and its actor with it.
    return rest.then(() =>
      connection.state === MOVING ? packed() : undefined,
    );
  }

  #resume(connection: Connection<Data>, state: unknown): void {
    // It has never been taken down.
    if (this.#actorOf(connection) !== undefined) return;
    const persisted = readPersisted(state);
    const actor =
      persisted &&
      ConnectionActor.continue(this.#shared, connection, persisted);
    if (persisted === undefined || actor === undefined) {
      this.#lives.delete(connection);
      this.#sendBack(connection);
      return;
    }
    connection.data = persisted.data as Data;
    this.#lives.set(connection, { actor, persisted: undefined });
    actor.start("resume", persisted);
  }

  #close(
    connection: Connection<Data>,
    fact: ConnectionFact,
  ): Promise<void> | undefined {
    const life = this.#lives.get(connection);
    // It was on its way out and has not left: it hears of its end here.
    if (life?.persisted !== undefined) this.#resume(connection, life.persisted);
    const actor = this.#actorOf(connection);
    if (actor === undefined) return undefined;
    const end = (): void => {
      this.#lives.delete(connection);
      actor.stop();
    };
    try {
      actor.tell("closed", fact);
    } catch (error) {
      end();
      throw error;
    }
    const rest = actor.atRest();
    if (rest !== undefined) return rest.then(end);
    end();
    return undefined;
  }

  #actorOf(connection: Connection): ConnectionActor | undefined {
    const life = this.#lives.get(connection);
    return life?.persisted === undefined ? life?.actor : undefined;
  }

  #sendBack(connection: Connection): void {
    const { host } = this.#shared;
    if (host !== undefined) host.sendBack(connection);
    else {
      const waitMs = Math.round(Math.random() * COME_BACK_MS);
      connection.close(CLOSE_CODE.serviceRestart, `retry-after-ms=${waitMs}`);
    }
  }

  /** What the actions do; `self` says for which connection. */
  #hands(): Record<keyof ActionParams, Hand> {
    const at =
      <Params>(act: (actor: ConnectionActor, params: Params) => void): Hand =>
      ({ self }, params) => {
        const actor = this.#shared.owners.get(self as never);
        if (actor !== undefined) act(actor, params as Params);
      };
    return {
      send: at((actor, { data, isBinary }: SendParams) => {
        const status = actor.connection.send(data, isBinary);
        if (status === "congested") actor.congested();
      }),
      publish: at(
        ({ connection }, { topic, data, ...options }: PublishParams) => {
          const status = connection.publish(topic, data, options);
          const { isBinary } = options;
          // Last words: a connection that has ended cannot say them itself.
          if (status === "closed")
            this.#shard?.publish(
              topic,
              data,
              isBinary === undefined ? {} : { isBinary },
            );
        },
      ),
      subscribe: at(
        ({ connection }, { topic, ...options }: SubscribeParams) => {
          connection.subscribe(topic, options);
        },
      ),
      unsubscribe: at(({ connection }, { topic }: UnsubscribeParams) => {
        connection.unsubscribe(topic);
      }),
      close: at(({ connection }, params: CloseParams | undefined) => {
        connection.close(params?.code, params?.reason);
      }),
    };
  }
}

type Hand = (given: { readonly self: unknown }, params: unknown) => void;
