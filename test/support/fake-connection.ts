import { connectionTable } from "../../src/machines/connection-table.ts";
import type { ConnectionEventType } from "../../src/machines/connection-machine.ts";
import type { TableState } from "../../src/machines/transition-table.ts";
import type { LiveConnection } from "../../src/workers/connection/connection.ts";
import { ManagedConnection } from "../../src/workers/lifecycle/managed-connection.ts";

const stateNamed = (name: string): TableState =>
  connectionTable.states.find((each) => each.name === name) as TableState;

/** A connection without a socket, for its keepers: registry, heartbeat, drains. What it is told is recorded. */
export class FakeConnection extends ManagedConnection {
  readonly told: ConnectionEventType[] = [];
  readonly closeStatuses: { event: string; code: number; reason: string }[] =
    [];
  override lifecycle = stateNamed("open.healthy");
  isHeldBack = false;

  /** As what the sources take that write to it. */
  get asLive(): LiveConnection {
    return this as unknown as LiveConnection;
  }

  tell(event: ConnectionEventType): void {
    this.told.push(event);
  }

  override endWith(
    event: ConnectionEventType,
    code: number,
    reason = "",
  ): void {
    this.closeStatuses.push({ event, code, reason });
  }

  end(): void {
    this.lifecycle = stateNamed("terminated");
  }
}
