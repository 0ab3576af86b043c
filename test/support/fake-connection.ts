import type { ConnectionEventType } from "../../src/machines/connection-machine.ts";
import type { LiveConnection } from "../../src/workers/connection/connection.ts";

/** The parts of a connection that its keepers (registry, heartbeat, departure, inbox) touch, all of them recorded. */
export class FakeConnection {
  readonly number: number;
  readonly told: ConnectionEventType[] = [];
  readonly goodbyes: { event: string; code: number; reason: string }[] = [];
  lifecycle = { name: "open.healthy", isFinal: false };
  isSilent = false;
  isHeldBack = false;
  deadline = Infinity;

  constructor(number: number) {
    this.number = number;
  }

  /** As what the sources take. */
  get asLive(): LiveConnection {
    return this as unknown as LiveConnection;
  }

  tell(event: ConnectionEventType): void {
    this.told.push(event);
  }

  sayGoodbye(event: string, code: number, reason: string): void {
    this.goodbyes.push({ event, code, reason });
  }

  limitDeadline(deadline: number): void {
    this.deadline = Math.min(this.deadline, deadline);
  }

  end(): void {
    this.lifecycle = { name: "terminated", isFinal: true };
  }
}
