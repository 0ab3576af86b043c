import { subscribe, unsubscribe } from "node:diagnostics_channel";

import type { Level, Logger } from "pino";

import { channels } from "../protocol/channels.ts";
import type { ChannelName } from "../protocol/channels.ts";

type Message = Readonly<Record<string, unknown>>;
type Rule = readonly [level: Level, text: string];

/**
 * What each message of the library's diagnostics channels becomes in the log,
 * by channel and by the message's `event` (and its `state`, if it has one);
 * `""` stands for a channel with one kind of message. An event without a rule
 * is logged at `debug`. Texts name fields of the message in braces.
 */
const rules: Readonly<Record<ChannelName, Readonly<Record<string, Rule>>>> = {
  [channels.server]: {
    listening: ["debug", "listening"],
    inspector: ["info", "inspector at {url}"],
    malformed: [
      "warn",
      "{dropped} malformed messages of another {border} were dropped, the last {what}",
    ],
    fault: ["error", "{what} failed"],
    "descriptors-few": [
      "warn",
      "maxConnections is {maxConnections}, but the limit of descriptors ({limit}) leaves {forClients} for clients: raise it (LimitNOFILE, ulimit -n)",
    ],
    "descriptors-scarce": [
      "error",
      "clients are refused for want of descriptors, {refused} so far: the limit is {limit}",
    ],
    "admin-failed": ["error", "the inspector failed to answer a call"],
    "state.closing": ["info", "closing: telling every connection"],
    "state.draining": ["info", "draining: waiting for those that were told"],
  },
  [channels.shard]: {
    started: ["debug", "shard {shard} started"],
    died: [
      "warn",
      "shard {shard} died; {crashed} connections are lost with it",
    ],
    restarting: ["info", "shard {shard} is being replaced"],
    "start-failed": ["error", "shard {shard} could not start"],
    blocked: [
      "warn",
      "shard {shard} does not answer: its event loop is blocked",
    ],
    unblocked: ["info", "shard {shard} answers again"],
    killed: ["warn", "shard {shard} had to be ended by force"],
    stuck: [
      "error",
      "the thread of shard {shard} cannot be ended: a handler is inside a native call",
    ],
  },
  [channels.handlerError]: { "": ["error", "handler failed"] },
  [channels.rejected]: { "": ["debug", "upgrade rejected"] },
  [channels.connection]: {
    opened: ["debug", "connection opened"],
    congested: ["debug", "connection congested"],
    terminated: ["debug", "connection terminated"],
  },
  [channels.handoffFailed]: {
    "": ["debug", "socket could not be handed over"],
  },
  [channels.cluster]: {
    connected: ["info", "linked to the other instances"],
    backingOff: ["warn", "no link to the other instances; local topics go on"],
    "turn-granted": ["info", "this instance's turn to drain"],
    "turn-not-granted": ["warn", "draining without a turn in the cluster"],
  },
  [channels.tls]: {
    reloaded: ["info", "TLS key and certificate reloaded"],
    "reload-failed": ["error", "TLS not reloaded; the old certificate stays"],
  },
  [channels.handover]: {
    off: ["warn", "connections cannot be moved; they are closed instead"],
    evacuating: ["info", "the connections of shard {shard} move to the others"],
    evacuated: [
      "info",
      "shard {shard} was emptied and starts again: {moved} moved, {told} told to come back",
    ],
    rebalanced: ["info", "{moved} connections moved to even out the load"],
    reloading: [
      "info",
      "reload: new shards start beside the old; {movable} connections can move",
    ],
    "trial-passed": ["info", "the new version has passed its trial"],
    reloaded: [
      "info",
      "reloaded: every shard runs the new version; {moved} connections moved, {told} told to come back",
    ],
    "rolled-back": ["error", "the old version stays: the new one failed"],
    "called-off": [
      "info",
      "the upgrade was called off: both processes were asked to stop",
    ],
    upgrading: [
      "info",
      "upgrade: a new process starts; {movable} connections can move",
    ],
    upgraded: [
      "info",
      "upgraded: process {pid} serves; {moved} connections moved, {told} told to come back",
    ],
    "taking-over": ["info", "taking over from the process before"],
    "taken-over": ["info", "took over; the process before may end"],
  },
};

const UNKNOWN: Rule = ["debug", "event"];

/**
 * Logs what the library publishes, until the returned function is called.
 *
 * A channel with nothing to say at the logger's level gets no subscriber: the
 * shards would otherwise send main a message for every connection.
 *
 * @param hasStarted - Whether the server serves. A start that fails is told
 *   once, by the error that it ends with, and not by every shard.
 */
export function logEvents(
  logger: Logger,
  hasStarted: () => boolean = () => true,
): () => void {
  const listeners = Object.entries(rules)
    .filter(([, events]) =>
      Object.values(events).some(([level]) => logger.isLevelEnabled(level)),
    )
    .map(([channel, events]) => {
      const listener = (message: unknown): void => {
        if (!isMessage(message)) return;
        const rule = ruleFor(events, message);
        const isStart = isLifecycle(channel, message) && !hasStarted();
        const [level, text] = rule;
        logMessage(logger, [isStart ? "debug" : level, text], message, channel);
      };
      subscribe(channel, listener);
      return () => unsubscribe(channel, listener);
    });
  return () => {
    for (const stop of listeners) stop();
  };
}

function ruleFor(
  events: Readonly<Record<string, Rule>>,
  { event, state }: Message,
): Rule {
  return events[[event, state].filter(isText).join(".")] ?? UNKNOWN;
}

/** Whether it tells of a shard, or of a state that the server has entered. */
function isLifecycle(channel: string, { state }: Message): boolean {
  return channel === channels.shard || state !== undefined;
}

function logMessage(
  logger: Logger,
  [level, text]: Rule,
  { event, error, ...fields }: Message,
  channel: string,
): void {
  if (!logger.isLevelEnabled(level)) return;
  logger[level](
    {
      channel,
      ...(event === undefined ? {} : { event }),
      ...fields,
      ...(error === undefined ? {} : { err: error }),
    },
    text.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(fields[name])),
  );
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isMessage(message: unknown): message is Message {
  return typeof message === "object" && message !== null;
}
