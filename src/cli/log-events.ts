import { subscribe, unsubscribe } from "node:diagnostics_channel";

import { type ChannelName, channels } from "../protocol/channels.ts";
import type { Logger } from "./logger.ts";
import {
  logRules,
  type Message,
  type Rule,
  ruleOf,
  sayMessage,
} from "../protocol/log-rules.ts";
import { type Clock, Throttle } from "./throttle.ts";

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
  clock?: Clock,
): () => void {
  const throttles: Throttle<Repeated>[] = [];
  const listeners = Object.entries(logRules)
    .filter(([, events]) =>
      Object.values(events).some(([level]) => logger.isLevelEnabled(level)),
    )
    .map(([channel]) => {
      const throttle = new Throttle<Repeated>(
        ({ rule: [level, text], message }, count, ms) =>
          logRepeated(logger, level, text, message, channel, count, ms),
        clock,
      );
      throttles.push(throttle);
      const listener = (message: unknown): void => {
        if (!isMessage(message)) return;
        const rule = ruleOf(channel as ChannelName, message);
        const isStart = isLifecycle(channel, message) && !hasStarted();
        const [level, text, kindOf] = rule;
        const kind = kindOf?.(message);
        if (kind !== undefined && !throttle.admits(kind, { rule, message }))
          return;
        logMessage(logger, [isStart ? "debug" : level, text], message, channel);
      };
      subscribe(channel, listener);
      return () => unsubscribe(channel, listener);
    });
  return () => {
    for (const stop of listeners) stop();
    for (const throttle of throttles) throttle.stop();
  };
}

/** What the last line of a kind is about. */
interface Repeated {
  readonly rule: Rule;
  readonly message: Message;
}

/** One line for many: what they have in common is the event, and the hook if it is one's. */
function logRepeated(
  logger: Logger,
  level: Rule[0],
  text: string,
  { event, hook }: Message,
  channel: string,
  count: number,
  withinMs: number,
): void {
  const what = (text.split(/[;:,{]/u)[0] ?? text).trim();
  logger[level](
    {
      channel,
      ...(event === undefined ? {} : { event }),
      ...(hook === undefined ? {} : { hook }),
      suppressed: count,
    },
    `${what}: ${count} more like it within ${Math.ceil(withinMs / 1000)} s`,
  );
}

/** Whether it tells of a shard, or of a state that the server has entered. */
function isLifecycle(channel: string, { state }: Message): boolean {
  return channel === channels.shard || state !== undefined;
}

function logMessage(
  logger: Logger,
  [level, text]: readonly [level: Rule[0], text: string],
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
    sayMessage(text, fields),
  );
}

function isMessage(message: unknown): message is Message {
  return typeof message === "object" && message !== null;
}
