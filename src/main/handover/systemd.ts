import { execFile } from "node:child_process";

/** systemd may be gone, or not read on: its child holds the process no longer. */
const PATIENCE_MS = 10_000;

/**
 * Tells systemd (`Type=notify`) that this process serves and is the unit's main
 * process, so that systemd follows it when it has taken over from another.
 *
 * The notification is one datagram to a Unix socket, which Node cannot send
 * (its datagram sockets are UDP). `systemd-notify`, which every machine with
 * systemd has, sends it; the unit needs `NotifyAccess=all`, since the sender is a
 * process of its own.
 *
 * @param onFailure - Told when it could not be sent.
 */
export function notifySystemd(onFailure: (error: Error) => void): void {
  if (process.env["NOTIFY_SOCKET"] === undefined) return;
  const told = ["READY=1", `MAINPID=${process.pid}`];
  try {
    execFile("systemd-notify", told, { timeout: PATIENCE_MS }, (error) => {
      if (error !== null) onFailure(error);
    });
  } catch (error) {
    // For want of memory the child is not even begun, and Node throws.
    onFailure(error as Error);
  }
}
