import type {
  ConnectionEventType,
  ConnectionTag,
} from "../../machines/connection-machine.ts";
import type { TableState } from "../../machines/transition-table.ts";
import type { LifecycleHost } from "./runner.ts";
import type { WheelEntry } from "./timer-wheel.ts";

/** What a connection is told when it is asked to go, or decides itself. */
export interface CloseStatus {
  code: number;
  reason: string;
}

/**
 * A connection as its machine, the registry, the heartbeat and drains see it:
 * state, deadline and close status, without a socket.
 */
export abstract class ManagedConnection implements LifecycleHost<ConnectionEventType> {
  readonly number: number;

  // The runner sets the state when it starts the connection.
  lifecycle: TableState = undefined as never;
  enteredAt = 0;
  mailbox: ConnectionEventType[] | null = null;
  wheelNext: WheelEntry | null = null;
  wheelPrevious: WheelEntry | null = null;
  wheelDue = 0;

  openedAt = 0;
  /** Absolute, monotonic: no state before `terminated` outlasts it. */
  deadline = Infinity;
  /** The close status that began the closing; the first one counts. */
  closeStatus: CloseStatus | null = null;
  /** Nothing has been heard since the heartbeat last looked. */
  isSilent = false;

  constructor(number: number) {
    this.number = number;
  }

  /** Reading waits for a handler or the engine to finish. */
  abstract get isHeldBack(): boolean;

  /** A fact for the machine. */
  abstract tell(event: ConnectionEventType): void;

  get id(): string {
    return `c${this.number}`;
  }

  get state(): string {
    return this.lifecycle.name;
  }

  /** Asks the machine's state for a tag. */
  has(tag: ConnectionTag): boolean {
    return this.lifecycle.tags.has(tag);
  }

  /** Tells the machine why the connection has to end; the first close status is the one that counts. */
  endWith(event: ConnectionEventType, code: number, reason = ""): void {
    if (this.has("open")) this.closeStatus ??= { code, reason };
    this.tell(event);
  }

  /** Shortens the time that is left; never lengthens it. */
  limitDeadline(deadline: number): void {
    this.deadline = Math.min(this.deadline, deadline);
  }
}
