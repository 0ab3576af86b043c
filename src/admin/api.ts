/**
 * What the admin listener says and takes, as JSON. Types only, so that the page
 * can share them. Times are milliseconds; points in time are epoch milliseconds.
 *
 * @module
 */

/** The server and its three levels, as they stand at one moment. */
export interface Status {
  readonly at: number;
  readonly server: ServerStatus;
  /** Open and closing connections. */
  readonly connections: number;
  readonly ledger: LedgerStatus;
  readonly shards: readonly ShardStatus[];
  /** Transitions taken since the start, by edge number of the connection machine. */
  readonly edges: readonly number[];
  readonly handover: HandoverStatus;
  /** The link to the other instances; undefined without a cluster. */
  readonly cluster: LinkStatus | undefined;
  /** The drains under way, and the last few that are done. */
  readonly drains: readonly DrainStatus[];
  /** Once the server has ended. */
  readonly report: EndReport | undefined;
}

/** Something that has happened: kept also while nobody looks. */
export interface Happening {
  /** Grows; what comes again has a new one. */
  readonly id: number;
  /** The same for those that are told as one. */
  readonly kind: string;
  /** The last time, and the first. */
  readonly at: number;
  readonly firstAt: number;
  /** How often: kinds that clients can repeat are one entry. */
  readonly count: number;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly channel: string;
  /** Of the channel; empty where it has one kind of message. */
  readonly event: string;
  readonly shard: number | undefined;
  readonly text: string;
  /** Name, message and stack of the last error. */
  readonly error: string | undefined;
}

export interface ServerStatus {
  readonly version: string;
  /** Tells servers apart: differs at every start. */
  readonly instance: string;
  readonly pid: number;
  /** Where it serves, such as `ws://127.0.0.1:8080`. */
  readonly url: string;
  readonly startedAt: number;
  /** State of its machine, such as `closing.broadcasting`. */
  readonly state: string;
  readonly ready: boolean;
  readonly maxConnections: number;
  /** What a shutdown takes unless it is told otherwise. */
  readonly shutdownDeadlineMs: number;
  /** Of the shutdown under way. */
  readonly shutdown: ShutdownStatus | undefined;
}

export interface ShutdownStatus {
  readonly reason: string;
  readonly startedAt: number;
  readonly deadlineMs: number;
  readonly deadlineInMs: number;
  /** What it has come to so far. */
  readonly part: EndPart;
}

/** What became of those who were there when a shutdown began, or came since. */
export interface EndPart {
  /** Connections that were live when it began. */
  readonly live: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly probes: number;
  readonly requests: number;
  readonly answers: number;
  readonly opened: number;
  readonly movedIn: number;
  readonly movedOut: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly closeCodes: Readonly<Record<string, number>>;
  readonly shardsKilled: number;
  readonly shardsCrashed: number;
}

export interface LedgerStatus {
  readonly accepted: number;
  readonly upgrading: number;
  /** Speak plain HTTP. */
  readonly plain: number;
  /** Health checks that were answered. */
  readonly probes: number;
  /** Of plain HTTP. */
  readonly requests: number;
  readonly answers: number;
  readonly opened: number;
  readonly live: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface ShardStatus {
  readonly shard: number;
  /** State of its machine, such as `serving.accepting`. */
  readonly state: string;
  /** Its event loop does not answer. */
  readonly isBlocked: boolean;
  readonly connections: number;
  /** Live connections by state. */
  readonly states: Readonly<Record<string, number>>;
  /** Ended connections by outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Share of time that the event loop was busy lately, 0 to 1. */
  readonly utilization: number;
  /** 99th percentile of the last second; undefined until it has been measured. */
  readonly loopDelayP99Ms: number | undefined;
  readonly heapBytes: number | undefined;
  readonly accepted: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly handlersInFlight: number;
  /** What its connections hold in memory: read, waiting and unwritten. */
  readonly heldBytes: number;
  /** Connections that were closed for want of memory. */
  readonly shed: number;
  readonly restarts: number;
}

/** What a reload, an upgrade or an emptied shard would come to, and what moves have come to. */
export interface HandoverStatus {
  /** Why connections cannot move, in one sentence; undefined when they can. */
  readonly off: string | undefined;
  /** Live connections that can move. */
  readonly movable: number;
  /** Live connections that cannot, by cause. */
  readonly immovable: Readonly<Record<string, number>>;
  /** Moves that have landed since the start. */
  readonly moved: number;
  /** On their way between two threads at this moment. */
  readonly inTransit: number;
  /** Moves that did not come about, by cause. */
  readonly refused: Readonly<Record<string, number>>;
  /** How long moved connections were not read. */
  readonly durations: {
    readonly count: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly maxMs: number;
  };
}

/** The link to the other instances, as it stands. */
export interface LinkStatus {
  /** This instance's name among them. */
  readonly instance: string;
  /** State of its machine, such as `connected` or `backingOff`. */
  readonly state: string;
  /** Why it was lost, or could not be made, the last time. */
  readonly lastError: string | undefined;
  readonly reconnects: number;
  readonly sent: number;
  readonly received: number;
  /** Held back until the link is there. */
  readonly heldMessages: number;
  readonly heldBytes: number;
  /** Given up. */
  readonly unsent: number;
  /** Of other instances, and never came. */
  readonly missed: number;
  /** Came, and found no room. */
  readonly undelivered: number;
}

/** One instance of the cluster, as it tells the others. */
export interface InstanceStatus {
  readonly id: string;
  readonly address: string;
  readonly version: string;
  readonly state: string;
  readonly workers: number;
  readonly connections: number;
  readonly utilization: number;
  readonly acceptRate: number;
  readonly startedAt: number;
}

export interface DrainStatus {
  readonly id: number;
  /** Its connections go to the other shards. */
  readonly isMove: boolean;
  readonly startedAt: number;
  readonly shard: number | undefined;
  readonly pathPrefix: string | undefined;
  readonly olderThanMs: number | undefined;
  /** Once it is done. */
  readonly report:
    | {
        readonly notified: number;
        readonly moved: number;
        /** Why others could not move. */
        readonly refused: Readonly<Record<string, number>>;
        readonly wasCalledOff: boolean;
        readonly durationMs: number;
      }
    | undefined;
}

/** The same as the command line's report. But for `shutdown`, counts are of the server's whole life. */
export interface EndReport {
  readonly reason: string;
  readonly shutdown: EndPart;
  readonly accepted: number;
  readonly rejected: number;
  readonly probes: number;
  readonly requests: number;
  readonly answers: number;
  readonly opened: number;
  readonly movedIn: number;
  readonly movedOut: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly closeCodes: Readonly<Record<string, number>>;
  readonly durationMs: number;
  readonly deadlineMs: number;
  readonly deadlineHeld: boolean;
  readonly balanced: boolean;
  readonly shardsKilled: number;
  readonly shardsCrashed: number;
  /** Time spent in each state of a connection. */
  readonly states: Readonly<
    Record<
      string,
      { count: number; p50Ms: number; p99Ms: number; maxMs: number }
    >
  >;
}

/** A page of connections. */
export interface ConnectionList {
  readonly rows: readonly ListedConnection[];
  readonly matching: number;
  /** Gives the page behind this one, as `after`; undefined on the last. */
  readonly next: string | undefined;
  /** Shards that did not answer in time. */
  readonly unanswered: readonly number[];
}

export interface ListedConnection {
  readonly id: string;
  readonly shard: number;
  readonly state: string;
  readonly path: string;
  readonly remoteAddress: string;
  readonly ageMs: number;
  readonly inStateMs: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly bufferedBytes: number;
  readonly handlersInFlight: number;
}

/** The first topics in an order. */
export interface TopicList {
  readonly at: number;
  readonly rows: readonly ListedTopic[];
  /** There are more than are listed. */
  readonly hasMore: boolean;
  /** Shards that did not answer in time: their subscribers are not counted. */
  readonly unanswered: readonly number[];
}

/** A topic that has subscribers. */
export interface ListedTopic {
  readonly name: string;
  readonly subscribers: number;
  /** By the shards that have some. */
  readonly shards: readonly {
    readonly shard: number;
    readonly subscribers: number;
  }[];
  /** Messages that have come to it, as the shard counts them that has had subscribers the longest. */
  readonly messages: number;
  /** How often one was left out for a subscriber that was slow, and asked for that. */
  readonly dropped: number;
}

/** What became of a message that was published by hand. */
export interface PublishedByHand {
  readonly status: "sent" | "congested";
  /** Subscribers when it was published, as far as they could be counted. */
  readonly subscribers: {
    readonly here: number;
    readonly cluster: number;
    readonly isComplete: boolean;
  };
}

/** One connection. What is secret has lost its value. */
export interface ConnectionDetails extends ListedConnection {
  readonly url: string;
  readonly subprotocol: string;
  /** State of its own actor, where handlers run a machine. */
  readonly actorState: string | undefined;
  readonly isCompressed: boolean;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly deadlineInMs: number | undefined;
  readonly closeStatus: {
    readonly code: number;
    readonly reason: string;
  } | null;
}

/** The machine that handlers run for each connection, with who is where. */
export interface MachineStatus {
  /** Its drawing, a packed chart as JSON; undefined where handlers run none. */
  readonly chart: string | undefined;
  /** Who is in a state is counted in its parents as well. */
  readonly population: readonly (readonly [state: string, count: number])[];
  /** Shards that did not answer in time. */
  readonly unanswered: readonly number[];
}

/** One transition of a followed connection. */
export interface Transition {
  /** Of the connection's machine, or of the one that its handlers run. */
  readonly machine: "connection" | "actor";
  readonly at: number;
  readonly event: string;
  readonly from: string | undefined;
  readonly to: string;
  readonly isFinal: boolean;
  readonly actions: readonly string[];
  readonly spentMs: number;
}

/** One moment of history: a second, or a few while nobody looks. */
export interface Sample {
  readonly at: number;
  /** Live connections by state. */
  readonly states: Readonly<Record<string, number>>;
  readonly acceptsPerSecond: number;
  readonly messagesInPerSecond: number;
  readonly messagesOutPerSecond: number;
  /** The worst of the shards; undefined where nobody looked, and it was not measured. */
  readonly loopDelayP99Ms: number | undefined;
}

/** Every refusal. */
export interface Refusal {
  readonly error: string;
}
