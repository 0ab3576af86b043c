import { channels } from "./channels.ts";
import type { ChannelName } from "./channels.ts";

/** How much a message matters; the log has two levels more. */
export type EventLevel = "debug" | "info" | "warn" | "error";

/** A message of a diagnostics channel. */
export type Message = Readonly<Record<string, unknown>>;

/**
 * How a message is logged. With `kindOf`, many of one kind are told by their
 * number: of what strangers can bring about as often as they like.
 */
export type Rule = readonly [
  level: EventLevel,
  text: string,
  kindOf?: (message: Message) => string,
];

const always = (): string => "";

/** By its hook and the place that threw: messages may have a client's words in them. */
function whereItFailed({ hook, error }: Message): string {
  const stack =
    typeof error === "object" && error !== null && "stack" in error
      ? String(error.stack)
      : "";
  const place = /^\s+at .*$/mu.exec(stack)?.[0] ?? "";
  return `${String(hook)}${place}`;
}

/**
 * What each message of the library's diagnostics channels becomes in the log,
 * by channel and by the message's `event` (and its `state`, if it has one);
 * `""` stands for a channel with one kind of message. An event without a rule
 * is logged at `debug`. Texts name fields of the message in braces.
 */
export const logRules: Readonly<
  Record<ChannelName, Readonly<Record<string, Rule>>>
> = {
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
    "admin-failed": ["error", "the inspector failed to answer a call", always],
    "admin-absent": [
      "error",
      "the inspector could not be opened; the server goes on without it",
    ],
    "listen-failed": [
      "error",
      "it cannot listen again; who is connected stays, and it tries again in {delayMs} ms",
    ],
    "listening-again": ["info", "it listens again"],
    "accept-failed": ["error", "sockets cannot be accepted", always],
    streams: [
      "warn",
      "connections cost more memory and CPU than they need: {why}",
    ],
    "notify-failed": [
      "error",
      "systemd could not be told that this process serves (NOTIFY_SOCKET is set): systemd-notify has to be installed, and the unit needs NotifyAccess=all",
    ],
    "state.starting": ["debug", "starting"],
    "state.listening": ["debug", "serving"],
    "state.terminated": ["debug", "ended"],
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
    "output-dropped": [
      "warn",
      "{lines} lines that shard {shard} printed to {stream} were dropped: nobody read on",
    ],
    unblocked: ["info", "shard {shard} answers again"],
    killed: ["warn", "shard {shard} had to be ended by force"],
    stuck: [
      "error",
      "the thread of shard {shard} cannot be ended: a handler is inside a native call",
    ],
  },
  [channels.handlerError]: { "": ["error", "handler failed", whereItFailed] },
  [channels.originRefused]: {
    "": [
      "warn",
      "refused a page of {origin}, which is not the host {host} that it asked for; if it may connect, name it with --origins, and if a proxy changes the header Host, let it pass on Host with its port",
      always,
    ],
  },
  [channels.rejected]: { "": ["debug", "upgrade rejected"] },
  [channels.connection]: {
    opened: ["debug", "connection opened"],
    congested: ["debug", "connection congested"],
    terminated: ["debug", "connection terminated"],
  },
  [channels.memory]: {
    rationed: ["debug", "connection not read from, for want of memory"],
    shed: [
      "warn",
      "connection closed for want of memory (maxMemoryBytes); it held most",
      always,
    ],
  },
  [channels.handoffFailed]: {
    "": ["debug", "socket could not be handed over"],
  },
  [channels.cluster]: {
    connecting: ["debug", "looking for the other instances"],
    connected: ["info", "linked to the other instances"],
    resuming: ["debug", "linked again; waiting for the others"],
    flushing: ["debug", "sending the last to the other instances"],
    closed: ["debug", "no link to the other instances any more"],
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
      "shard {shard} was emptied and starts again: {moved} moved, {notified} told to come back",
    ],
    rebalanced: ["info", "{moved} connections moved to even out the load"],
    reloading: [
      "info",
      "reload: new shards start beside the old; {movable} connections can move",
    ],
    "trial-passed": ["info", "the new version has passed its trial"],
    reloaded: [
      "info",
      "reloaded: every shard runs the new version; {moved} connections moved, {notified} told to come back",
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
      "upgraded: process {pid} serves; {moved} connections moved, {notified} told to come back",
    ],
    "taking-over": ["info", "taking over from the process before"],
    "taken-over": ["info", "took over; the process before may end"],
  },
};

/** How a message is logged; events that nobody has named go to `debug`. */
export function ruleOf(channel: ChannelName, { event, state }: Message): Rule {
  const name = [event, state]
    .filter((part) => typeof part === "string")
    .join(".");
  return logRules[channel][name] ?? ["debug", "event"];
}

/** The text of a rule, with the fields of the message in it. */
export function sayMessage(text: string, message: Message): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    String(message[name]),
  );
}

/** The rules in markdown, for the documentation. */
export function renderLogTable(): string {
  const rows = Object.entries(logRules).flatMap(([channel, events]) =>
    Object.entries(events).map(([event, [level, text, kindOf]]) =>
      [
        "",
        ` \`${channel}\` `,
        event === "" ? " " : ` \`${event}\` `,
        ` ${level} `,
        ` ${text}${kindOf === undefined ? "" : " (†)"} `,
        "",
      ].join("|"),
    ),
  );
  return [
    "| channel | event | level | text |",
    "|---|---|---|---|",
    ...rows,
  ].join("\n");
}
