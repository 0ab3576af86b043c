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
 * is logged at `debug`.
 */
const rules: Readonly<Record<ChannelName, Readonly<Record<string, Rule>>>> = {
  [channels.server]: {
    listening: ["debug", "listening"],
    inspector: ["info", "the inspector is at this address"],
    "admin-failed": ["error", "the inspector failed to answer a call"],
    "state.closing": ["info", "closing: telling every connection"],
    "state.draining": ["info", "draining: waiting for those that were told"],
  },
  [channels.shard]: {
    started: ["info", "shard started"],
    died: ["warn", "shard died; its connections are counted as crashed"],
    restarting: ["info", "shard is being replaced"],
    "start-failed": ["error", "shard could not start"],
    blocked: ["warn", "shard's event loop is blocked"],
    unblocked: ["info", "shard's event loop runs again"],
    killed: ["warn", "shard's thread was ended by force"],
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
  [channels.tls]: {
    reloaded: ["info", "TLS key and certificate reloaded"],
    "reload-failed": ["error", "TLS not reloaded; the old certificate stays"],
  },
};

const UNKNOWN: Rule = ["debug", "event"];

/**
 * Logs what the library publishes, until the returned function is called.
 *
 * A channel with nothing to say at the logger's level gets no subscriber: the
 * shards would otherwise send main a message for every connection.
 */
export function logEvents(logger: Logger): () => void {
  const listeners = Object.entries(rules)
    .filter(([, events]) =>
      Object.values(events).some(([level]) => logger.isLevelEnabled(level)),
    )
    .map(([channel, events]) => {
      const listener = (message: unknown): void => {
        if (isMessage(message)) logMessage(logger, events, message, channel);
      };
      subscribe(channel, listener);
      return () => unsubscribe(channel, listener);
    });
  return () => {
    for (const stop of listeners) stop();
  };
}

function logMessage(
  logger: Logger,
  events: Readonly<Record<string, Rule>>,
  message: Message,
  channel: string,
): void {
  const { event, error, ...fields } = message;
  const name = [event, fields["state"]].filter(isText).join(".");
  const [level, text] = events[name] ?? UNKNOWN;
  if (!logger.isLevelEnabled(level)) return;
  logger[level](
    {
      channel,
      ...(event === undefined ? {} : { event }),
      ...fields,
      ...(error === undefined ? {} : { err: error }),
    },
    text,
  );
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isMessage(message: unknown): message is Message {
  return typeof message === "object" && message !== null;
}
