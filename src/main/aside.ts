import { channel } from "node:diagnostics_channel";
import { channels } from "../protocol/channels.ts";

/**
 * Lets work go on that nobody waits for. What it fails with is published and
 * ends nothing: a promise that rejects unheard would end the process.
 *
 * @param what - The work, in a few words.
 */
export function aside(
  work: PromiseLike<unknown> | undefined | void,
  what: string,
): void {
  Promise.resolve(work).catch((error: unknown) => reportFault(what, error));
}

/** Does something at once; what it throws is published and ends nothing. */
export function guarded(what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    reportFault(what, error);
  }
}

function reportFault(what: string, error: unknown): void {
  channel(channels.server).publish({ event: "fault", what, error });
}
