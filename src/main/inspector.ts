import type { Config } from "../config.ts";
import type { InspectionShardMessage } from "../protocol/messages.ts";
import type { SocketHandle } from "../protocol/socket-handle.ts";
import type { ShutdownReport } from "./report.ts";

/** Where the inspector is reached. */
export interface AdminAddress {
  readonly host: string;
  readonly port: number;
}

/** The inspector's listening socket, from another process. */
export interface ListeningAdmin extends AdminAddress {
  readonly handle: SocketHandle;
}

/** The inspector's listening socket on its way to another process. */
export interface PassedAdmin {
  readonly address: AdminAddress;
  readonly handle: SocketHandle;
  /** It has left: this process accepts on it no more. */
  close(): void;
}

/** Who looks at the server from outside and asks its shards. */
export interface Inspector {
  readonly address: AdminAddress;
  /** A shard has answered a request, or tells of a connection that is followed. */
  take(shard: number, message: InspectionShardMessage): void;
  shardLost(shard: number): void;
  /** Its listening socket, for the process that takes over. */
  passOn(): PassedAdmin | undefined;
  /** The server has ended. Resolves when whoever looks has heard of it. */
  end(report: ShutdownReport | undefined): Promise<unknown>;
}

/** Whether a listening socket is where the inspector is to be reached. */
export function isSameAdmin(
  { adminHost, adminPort }: Pick<Config, "adminHost" | "adminPort">,
  { host, port }: AdminAddress,
): boolean {
  const isAnyPort = adminPort === "auto" || adminPort === 0;
  return host === adminHost && (isAnyPort || port === adminPort);
}
