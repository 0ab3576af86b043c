/**
 * What the benchmark asks of its load process, and what it gets back: the plan
 * goes in as one JSON argument, reports come out as JSON lines on stdout.
 */
import type { LatencySummary } from "../measure/histogram.ts";
import type { Watched, WindowUse } from "../measure/window.ts";

/** How a server's connections are spoken to. */
export type Wire = "websocket" | "deflate" | "socket.io" | "raw";

/** Where to connect, and how. */
export interface Target {
  readonly port: number;
  readonly path: string;
  readonly wire: Wire;
  readonly tls: boolean;
}

interface Timed {
  readonly warmupMs: number;
  readonly measureMs: number;
}

/** Each connection keeps `inFlight` messages under way. */
export interface ClosedLoopPlan extends Timed {
  readonly kind: "closed-loop";
  readonly connections: number;
  readonly inFlight: number;
  readonly bytes: number;
}

/** Messages are sent at their time, whether or not earlier ones were answered. */
export interface OpenLoopPlan extends Timed {
  readonly kind: "open-loop";
  readonly connections: number;
  readonly bytes: number;
  readonly messagesPerSecond: number;
  /** Seed of the arrival times. */
  readonly seed: number;
}

/** Connect, echo one message, close; `parallel` of these at a time. */
export interface ChurnPlan extends Timed {
  readonly kind: "churn";
  readonly parallel: number;
  readonly bytes: number;
}

/** One connection's messages are to reach all of them; then the next ones are sent. */
export interface FanOutPlan extends Timed {
  readonly kind: "fan-out";
  readonly connections: number;
  /** So many messages are sent at once. */
  readonly atOnce: number;
  readonly bytes: number;
}

/** Open connections, echo once on each, and hold them until a line on stdin. */
export interface HoldPlan {
  readonly kind: "hold";
  readonly connections: number;
  readonly bytes: number;
}

/** Connections that send pongs, which nobody has asked for, as fast as they can. */
export interface FloodPlan {
  readonly kind: "flood";
  readonly connections: number;
}

/** Open connections, have the server stop, and watch what each one sees. */
export interface ShutdownPlan {
  readonly kind: "shutdown";
  readonly connections: number;
  /** Who is sent SIGTERM. */
  readonly serverPid: number;
  readonly deadlineMs: number;
}

export type LoadPlan =
  | ClosedLoopPlan
  | OpenLoopPlan
  | ChurnPlan
  | FanOutPlan
  | HoldPlan
  | FloodPlan
  | ShutdownPlan;

/** The load process's one argument. */
export interface LoadOrder {
  readonly target: Target;
  readonly watched: Watched;
  readonly plan: LoadPlan;
}

/** What a timed plan measured. */
export interface LoopReport {
  readonly kind: "loop";
  /** Messages, connections or deliveries completed and verified. */
  readonly units: number;
  readonly latency: LatencySummary;
  readonly use: WindowUse;
  /** Open loop: how late the load sent its messages, p99, in microseconds. */
  readonly sendLagP99Micros?: number;
}

/** All connections are open; the load holds them. */
export interface HeldReport {
  readonly kind: "held";
}

/** The held connections are closed again. */
export interface ReleasedReport {
  readonly kind: "released";
}

/** What the clients of a server saw that was told to stop. */
export interface ShutdownReport {
  readonly kind: "shutdown";
  readonly connections: number;
  readonly withCloseFrame: number;
  /** From the signal to the last close frame; 0 when there was none. */
  readonly lastCloseFrameMs: number;
  /** From the signal to the end of the last TCP connection. */
  readonly lastEndMs: number;
  /** How many connections were still there at the deadline. */
  readonly left: number;
}

export type LoadReport =
  LoopReport | HeldReport | ReleasedReport | ShutdownReport;
