import { connectionTable } from "../../src/machines/connection-table.ts";
import type { ConnectionEventType } from "../../src/machines/connection-machine.ts";
import type { TableState } from "../../src/machines/transition-table.ts";
import { ManagedConnection } from "../../src/workers/lifecycle/managed-connection.ts";

const stateNamed = (name: string): TableState =>
  connectionTable.states.find((each) => each.name === name) as TableState;

/** A connection without a socket whose machine stands still: what it is told is recorded. */
export class FakeConnection extends ManagedConnection {
  readonly told: ConnectionEventType[] = [];
  override lifecycle = stateNamed("open.healthy");
  isHeldBack = false;

  tell(event: ConnectionEventType): void {
    this.told.push(event);
  }

  /** Its machine has gone on to another state. */
  enter(name: string): void {
    this.lifecycle = stateNamed(name);
  }

  end(): void {
    this.enter("terminated");
  }
}
