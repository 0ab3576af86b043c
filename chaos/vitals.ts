import {
  descriptorsOf,
  residentBytes,
  threadsOf,
} from "../property-tests/histories/descriptors.ts";

const LOOK_MS = 1_000;
const MIB = 1024 * 1024;
/** How much may be noise: buffers of clients who do not read, heaps before they are collected. */
interface Noise {
  /** Younger processes are not looked at. */
  readonly fromMs: number;
  /** Fewer looks than this at a process tell nothing of how it grows. */
  readonly leastLooks: number;
  readonly factor: number;
  readonly slackMb: number;
}

/** Of a process that has begun to serve, and has not had every kind of load. */
const BEGUN = { fromMs: 2_000, leastLooks: 4, factor: 2, slackMb: 150 };
/** Of one that has had it: what it holds is what it needs. */
const SETTLED = { fromMs: 60_000, leastLooks: 20, factor: 1.2, slackMb: 60 };
/** Sockets that are being accepted or closed while they are counted. */
const DESCRIPTOR_NOISE = 24;
/** Those of a new version beside the old one's. */
const THREAD_NOISE = 4;

/** What a process has in its hands. */
interface Held {
  readonly residentMb: number;
  /** But for those of connections. */
  readonly descriptors: number;
  readonly threads: number;
}

/** The same at a moment. */
interface Look extends Held {
  readonly pid: number;
  readonly ageMs: number;
}

/** Memory, descriptors and threads of each process that serves, over time. */
export class Vitals implements Disposable {
  readonly looks: Look[] = [];
  readonly #born = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;

  /** @param current - The process that serves at a moment. */
  constructor(current: () => number) {
    this.#timer = setInterval(() => this.#look(current()), LOOK_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  /** What has grown: within the life of a process, or from one to the next. */
  findGrowth(): string[] {
    return [BEGUN, SETTLED].flatMap((noise) => this.#compare(noise));
  }

  /** Of the time after an age, the first half of each life with the second, and the first life with the last. */
  #compare(noise: Noise): string[] {
    const { fromMs, leastLooks } = noise;
    const lives = Map.groupBy(
      this.looks.filter(({ ageMs }) => ageMs > fromMs),
      ({ pid }) => pid,
    );
    const told = [...lives].filter(([, looks]) => looks.length >= leastLooks);
    const faults = told.flatMap(([pid, looks]) => {
      const half = Math.floor(looks.length / 2);
      const halves = [looks.slice(0, half), looks.slice(-half)] as const;
      return growth(`process ${pid}`, ...halves, noise);
    });
    const first = told[0];
    const last = told.at(-1);
    if (first === undefined || last === undefined || told.length < 2)
      return faults;
    const whole = "from the first process to the last";
    return [...faults, ...growth(whole, first[1], last[1], noise)];
  }

  /** Process by process, for the reader: in the middle of the first half of its life, and of the second. */
  get summary(): readonly object[] {
    return [...Map.groupBy(this.looks, ({ pid }) => pid)].map(
      ([pid, looks]) => {
        const half = Math.ceil(looks.length / 2);
        const halves = [looks.slice(0, half), looks.slice(half)];
        return {
          pid,
          seconds: Math.round((looks.length * LOOK_MS) / 1_000),
          memoryMb: halves.map((part) => middle(part, "residentMb")),
          descriptors: halves.map((part) => middle(part, "descriptors")),
          threads: halves.map((part) => middle(part, "threads")),
        };
      },
    );
  }

  #look(pid: number): void {
    const now = performance.now();
    const bornAt = this.#born.get(pid) ?? now;
    this.#born.set(pid, bornAt);
    try {
      const found = descriptorsOf(pid);
      const all = Object.values(found).reduce((sum, n) => sum + n, 0);
      this.looks.push({
        pid,
        ageMs: now - bornAt,
        residentMb: residentBytes(pid) / MIB,
        descriptors: all - (found["tcp"] ?? 0),
        threads: threadsOf(pid),
      });
    } catch {
      // It has just ended.
    }
  }
}

function growth(
  whose: string,
  early: readonly Look[],
  late: readonly Look[],
  { factor, slackMb }: Noise,
): string[] {
  const compare = (what: keyof Held): readonly [number, number] => [
    middle(early, what),
    middle(late, what),
  ];
  const memory = compare("residentMb");
  const descriptors = compare("descriptors");
  const threads = compare("threads");
  const grown: readonly [string, readonly [number, number], boolean][] = [
    ["memory (MB)", memory, memory[1] > memory[0] * factor + slackMb],
    [
      "descriptors",
      descriptors,
      descriptors[1] > descriptors[0] + DESCRIPTOR_NOISE,
    ],
    ["threads", threads, threads[1] > threads[0] + THREAD_NOISE],
  ];
  return grown
    .filter(([, , hasGrown]) => hasGrown)
    .map(
      ([what, [from, to]]) => `${whose}: ${what} grew from ${from} to ${to}`,
    );
}

/** The median, which a single moment does not move. */
function middle(looks: readonly Look[], what: keyof Held): number {
  const sorted = looks.map((look) => look[what]).toSorted((a, b) => a - b);
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0);
}
