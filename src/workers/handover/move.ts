import type { MoveObstacle } from "../../protocol/handover-messages.ts";
import { isThenable } from "../hooks.ts";
import type { LiveConnection } from "../connection/connection.ts";
import type { Inbox } from "../connection/inbox.ts";
import type { MoveUnderWay } from "../connection/machine-actions.ts";
import type { Transport } from "../transport/transport.ts";

/** What a move asks of its connection, which its shard's hooks are given. */
export interface MoveOwner<Self> {
  readonly lifecycle: { readonly name: string };
  readonly shard: {
    readonly clock: { now(): number };
    readonly hooks: {
      readonly canResume: boolean;
      readonly suspends: boolean;
      suspend(connection: Self): unknown;
    };
    reportHookFailure(connection: Self, hook: "suspend", error: unknown): void;
  };
  readonly transport: Pick<
    Transport,
    "pause" | "resume" | "unreadBytes" | "unsentBytes"
  >;
  readonly inbox: Pick<Inbox, "pending" | "isFull" | "resume" | "hold">;
  readonly assembly: object | null;
  readonly unread: object | null;
  readonly isReading: boolean;
  readonly isSecure: boolean;
  readonly compressor: { readonly windowBits: number | null } | null;
  readonly isInflating: boolean;
  readonly bufferedBytes: number;
  readonly data: unknown;
  readonly move: MoveUnderWay | null;
  has(tag: "sealed"): boolean;
  resumeReading(): void;
}

/** A connection's way out of this thread, while it is in `open.moving`. */
export class Move<
  Owner extends MoveOwner<Owner> = LiveConnection,
> implements MoveUnderWay {
  readonly #connection: Owner;
  /** Absolute: it stays when it could not move by then. */
  readonly deadline: number;
  readonly isProbing: boolean;
  /** When reading stopped. */
  frozenAt: number;
  #suspension: "none" | "under-way" | "done" | "failed" = "none";
  /** What the handlers' `suspend` returned. */
  #suspended: unknown;

  constructor(connection: Owner, deadline: number) {
    this.#connection = connection;
    this.deadline = deadline;
    this.isProbing = connection.lifecycle.name === "open.probing";
    this.frozenAt = connection.shard.clock.now();
  }

  /** What travels as the connection's user data. */
  get state(): unknown {
    return this.#suspension === "done"
      ? this.#suspended
      : this.#connection.data;
  }

  /**
   * Stops reading and says what keeps the connection here at this moment;
   * nothing when it can leave right now, in this tick.
   */
  obstacle(): MoveObstacle | undefined {
    const connection = this.#connection;
    const { assembly, inbox, transport, unread } = connection;
    if (this.#suspension === "failed") return "suspend";
    if (!connection.isReading) return "state";
    if (connection.isInflating) return "mid-frame";
    // What was read already is taken in first, in its turn.
    if (unread !== null) return inbox.isFull ? "handlers" : "mid-frame";
    if (assembly !== null && !inbox.isFull) {
      // The rest of the message has to come first.
      transport.resume();
      this.frozenAt = connection.shard.clock.now();
      return "mid-frame";
    }
    transport.pause();
    if (inbox.pending > 0 || transport.unreadBytes > 0) return "handlers";
    if (connection.bufferedBytes > 0 || transport.unsentBytes > 0)
      return "unflushed";
    return this.#suspend();
  }

  /** Why this connection never can, as far as that can be told beforehand. */
  static lastingObstacle<Owner extends MoveOwner<Owner>>(
    connection: Owner,
    moveBlocker: string | undefined,
  ): MoveObstacle | undefined {
    const { shard } = connection;
    if (connection.isSecure) return "tls";
    if (connection.compressor?.windowBits === null) return "compression";
    if (moveBlocker !== undefined) return "runtime";
    return shard.hooks.canResume ? undefined : "no-resume";
  }

  /**
   * The connection stays: reading goes on, and the handlers take up again what
   * they had suspended.
   */
  giveUp(): void {
    const connection = this.#connection;
    if (this.#suspension === "done" && !connection.has("sealed"))
      connection.inbox.resume(this.#suspended);
    connection.resumeReading();
  }

  /** The handlers' own last step here, once everything else is at rest. */
  #suspend(): MoveObstacle | undefined {
    if (this.#suspension === "under-way") return "handlers";
    if (this.#suspension === "done") return undefined;
    const connection = this.#connection;
    const { hooks } = connection.shard;
    if (!hooks.suspends) return undefined;
    try {
      const result = hooks.suspend(connection);
      if (!isThenable(result)) {
        this.#suspended = result;
        this.#suspension = "done";
        // It may have sent something.
        return connection.bufferedBytes > 0 ? "unflushed" : undefined;
      }
      this.#suspension = "under-way";
      // What comes meanwhile, where it stays after all, is for those who have resumed.
      connection.inbox.hold(
        Promise.resolve(result).then(
          (suspended) => {
            this.#suspended = suspended;
            this.#suspension = "done";
            // It took so long that the connection has stayed.
            if (connection.move !== this && !connection.has("sealed"))
              connection.inbox.resume(suspended);
          },
          (error: unknown) => this.#fail(error),
        ),
      );
      return "handlers";
    } catch (error) {
      this.#fail(error);
      return "suspend";
    }
  }

  #fail(error: unknown): void {
    this.#suspension = "failed";
    const connection = this.#connection;
    connection.shard.reportHookFailure(connection, "suspend", error);
  }
}
