import type { Ended } from "./appointment.ts";
import type { Incoming } from "./client-options.ts";

/** What a client tells, by the names of its events. */
export interface ClientEventMap<Message = Incoming> {
  /** Connected, for the first time or again. */
  open: Event & {
    /** How many attempts it took, over the whole life of the client. */
    readonly attempt: number;
  };
  message: Event & { readonly data: Message };
  /** A connection, or an attempt, has ended, and the client comes back. */
  interrupted: Event &
    Ended & {
      /** Milliseconds until the next attempt. */
      readonly backInMs: number;
    };
  /** The end, once: nothing comes after it. */
  close: Event & Ended;
}
