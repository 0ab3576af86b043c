import { useEffect, useState } from "preact/hooks";
import type {
  Happening,
  Sample,
  ShardStatus,
  Status,
} from "../src/admin/api.ts";
import { read } from "./api.ts";

/** How things stand between this page and the server. */
export type Phase = "connecting" | "live" | "lost" | "ended";

export interface Live {
  readonly phase: Phase;
  /** The last that was heard. */
  readonly status: Status | undefined;
  /** From about two seconds before, for rates. */
  readonly earlier: Status | undefined;
}

const RATE_WINDOW_MS = 2_000;
const KEPT_MS = 600_000;
const KEPT_HAPPENINGS = 200;

/** The last of what the server tells, for a view of it. */
class Recent<Item> {
  all: readonly Item[] = [];
  readonly #listeners = new Set<(all: readonly Item[]) => void>();

  replace(all: readonly Item[]): void {
    this.all = all;
    for (const listen of this.#listeners) listen(all);
  }

  listen(listener: (all: readonly Item[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** Of the last ten minutes, for the view over time. */
export const samples = new Recent<Sample>();
export const happenings = new Recent<Happening>();

function addSample(sample: Sample): void {
  const kept = samples.all.filter(({ at }) => sample.at - at <= KEPT_MS);
  samples.replace([...kept, sample]);
}

/** What comes again takes the place of what it was, and is the last. */
function addHappening(happening: Happening): void {
  const others = happenings.all.filter(({ kind }) => kind !== happening.kind);
  happenings.replace([...others, happening].slice(-KEPT_HAPPENINGS));
}

/** Follows the server for as long as somebody can see the page. */
export function useLive(): Live {
  const [live, setLive] = useState<Live>({
    phase: "connecting",
    status: undefined,
    earlier: undefined,
  });

  useEffect(() => {
    let source: EventSource | undefined;
    let heard: Status[] = [];

    const take = (status: Status): void => {
      const [last] = heard.slice(-1);
      // Another server has taken the place of the one that was followed.
      if (last?.server.instance !== status.server.instance) heard = [];
      heard.push(status);
      while (heard.length > 2 && age(heard[1], status) >= RATE_WINDOW_MS)
        heard.shift();
      const hasEnded = status.server.state === "terminated";
      if (hasEnded) stop();
      setLive({
        phase: hasEnded ? "ended" : "live",
        status,
        earlier: heard.length > 1 ? heard[0] : undefined,
      });
    };
    const start = (): void => {
      if (source !== undefined || document.hidden) return;
      source = new EventSource("/api/events");
      source.addEventListener("status", ({ data }: MessageEvent<string>) =>
        take(JSON.parse(data) as Status),
      );
      source.addEventListener("sample", ({ data }: MessageEvent<string>) =>
        addSample(JSON.parse(data) as Sample),
      );
      // What has happened before comes first, whichever server it is by now.
      source.addEventListener("open", () => happenings.replace([]));
      source.addEventListener("happening", ({ data }: MessageEvent<string>) =>
        addHappening(JSON.parse(data) as Happening),
      );
      source.addEventListener("error", () => {
        heard = [];
        setLive((before) => ({ ...before, phase: "lost" }));
        // An EventSource does not tell why: a refusal of the session does.
        read("/api/status").catch(() => {
          // Lost, as is shown; the browser tries again by itself.
        });
        if (source?.readyState !== EventSource.CLOSED) return;
        stop();
        setTimeout(start, RATE_WINDOW_MS);
      });
      void read<Sample[]>("/api/history").then(
        (history) => samples.replace(history),
        () => {
          // Shown as no history; the phase says why.
        },
      );
    };
    const stop = (): void => {
      source?.close();
      source = undefined;
    };
    // Nothing is collected for a page that nobody sees.
    const onVisibility = (): void => {
      if (document.hidden) stop();
      else start();
    };
    document.addEventListener("visibilitychange", onVisibility);
    start();
    return () => {
      document.removeEventListener("visibilitychange", onVisibility);
      stop();
    };
  }, []);

  return live;
}

function age(status: Status | undefined, now: Status): number {
  return status === undefined ? 0 : now.at - status.at;
}

/** How much a number has grown a second, of late. */
export function perSecond(
  { status, earlier }: Live,
  value: (of: Status) => number,
): number {
  if (status === undefined || earlier === undefined) return 0;
  const seconds = (status.at - earlier.at) / 1000;
  return seconds <= 0
    ? 0
    : Math.max(0, (value(status) - value(earlier)) / seconds);
}

/** Live connections in a state or its children, over all shards or on one. */
export function population(
  shards: readonly ShardStatus[],
  state: string,
): number {
  let total = 0;
  for (const { states } of shards)
    for (const [name, live] of Object.entries(states))
      if (name === state || name.startsWith(`${state}.`)) total += live;
  return total;
}

/** Ended connections of all shards with an outcome. */
export function outcomeTotal({ ledger }: Status, outcome: string): number {
  return ledger.outcomes[outcome] ?? 0;
}
