/** What a life leaves behind of its handlers: the laws are held against it. */
import type { ConnectionEnd } from "../../handlers.ts";
import type { HookName } from "../../protocol/hook-names.ts";
import type { SimClient } from "./sim-client.ts";
import type { SimThread } from "./sim-thread.ts";

/** A call of a hook. */
export interface HookCall {
  readonly hook: HookName;
  readonly thread: SimThread | undefined;
  readonly begunAt: number;
  /** `undefined` while it runs. */
  endedAt: number | undefined;
  error: { readonly thrown: unknown } | undefined;
}

/** What one connection's handlers did, over all threads that it lived in. */
export interface ConnectionRecord {
  readonly id: string;
  readonly client: SimClient | undefined;
  readonly calls: HookCall[];
  /** Messages given to `message`, in order. */
  readonly given: { readonly data: Buffer; readonly isBinary: boolean }[];
  /** What `send` took, in order. */
  readonly sent: { readonly data: Buffer; readonly at: number }[];
  /** Everything it ever subscribed to, and when. */
  readonly subscriptions: Subscription[];
  /** Calls of `drained`, and whether they have come back. */
  readonly waits: { readonly thread: SimThread | undefined; isOver: boolean }[];
  /** What its connection had counted when it ended. */
  counted:
    | { readonly in: number; readonly out: number; readonly dropped: number }
    | undefined;
  end: (ConnectionEnd & { readonly at: number }) | undefined;
  /** When it left a thread for another, and which. */
  readonly departures: Departure[];
  /** What `suspend` returned, on its way. */
  inTransit: { readonly state: unknown } | undefined;
  /** A handler has closed it: what waited then is not handled. */
  wasDismissed: boolean;
  /** Unwritten bytes, at most. */
  largestBuffered: number;
  /** Bytes that were read and are not with a handler, at most. */
  largestWaiting: number;
  largestMessage: number;
}

/** A topic that a connection heard, for a while. */
export interface Subscription {
  readonly topic: string;
  readonly from: number;
  /** `undefined` until its end. */
  until: number | undefined;
  /** It would rather miss messages than be closed. */
  readonly mayDrop: boolean;
}

/** A connection leaves a thread, to live in another. */
export interface Departure {
  readonly at: number;
  readonly thread: SimThread | undefined;
}

/** A publication, by whoever made it. */
export interface PublicationRecord {
  readonly topic: string;
  readonly data: Buffer;
  readonly publisher: string;
  readonly thread: SimThread | undefined;
  readonly at: number;
}
