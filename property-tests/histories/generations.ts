import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ShutdownReport } from "../../src/index.ts";
import { freePort } from "../../test/real/cluster/nats-server.ts";
import { until } from "../../test/support/within.ts";
import { Keeper, type ProcessEnd } from "./keeper.ts";
import type { Behaviour } from "./service.ts";

const CLI = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
export const WORKERS = 2;
const START_MS = 60_000;
const CALL_MS = 60_000;
/** So much of the log goes into a failure. */
const LAST_LINES = 40;

/** A line of the log; `pid` is who has written it. */
export interface LogLine {
  readonly pid: number;
  readonly event?: string;
  readonly msg: string;
  /** When it was written, in milliseconds of the system's clock. */
  readonly time: number;
  readonly [field: string]: unknown;
}

/** An answer of the admin listener. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** What the admin listener says of a process. */
export interface Standing {
  readonly connections: number;
  readonly server: {
    readonly pid: number;
    readonly state: string;
    readonly ready: boolean;
  };
  readonly ledger: Readonly<
    Record<
      "accepted" | "movedIn" | "movedOut" | "upgrading" | "opened" | "live",
      number
    >
  > & { readonly outcomes: Readonly<Record<string, number>> };
  readonly shards: readonly {
    readonly shard: number;
    readonly state: string;
    readonly isBlocked: boolean;
    readonly restarts: number;
  }[];
  readonly handover: { readonly inTransit: number };
  readonly cluster?: { readonly state: string };
  readonly drains: readonly {
    readonly id: number;
    readonly report?: unknown;
  }[];
}

/** How the program is started. */
export interface Launch {
  /** Flags besides those for ports, workers and the report. */
  readonly args: readonly string[];
  /** The module of handlers as a deployment has it on disk. */
  readonly module: (version: string, behaviour: Behaviour) => string;
  /** So many descriptors may each process have; as many as this one without it. */
  readonly mostDescriptors?: number;
}

/** `sluice serve` as it is deployed: the processes that it becomes, one after the other, on one port. */
export class Generations {
  readonly port: number;
  readonly log: LogLine[] = [];
  /** Of those that have ended in order. */
  readonly reports: ShutdownReport[] = [];
  /** That were started, or have started themselves. */
  count = 0;
  /** The process that serves. */
  current = 0;
  /** The version of the service that is on disk; `undefined`: that is not known. */
  version: string | undefined;
  readonly #adminPort: number;
  readonly #folder: string;
  readonly #launch: Launch;
  readonly #keepers: Keeper[] = [];

  private constructor(
    folder: string,
    [port, adminPort]: readonly [number, number],
    launch: Launch,
  ) {
    this.port = port;
    this.#adminPort = adminPort;
    this.#folder = folder;
    this.#launch = launch;
  }

  /** Starts the first process; resolves when it listens. */
  static async start(launch: Launch): Promise<Generations> {
    const folder = mkdtempSync(join(tmpdir(), "sluice-histories-"));
    const ports = [await freePort(), await freePort()] as const;
    const generations = new Generations(folder, ports, launch);
    generations.deploy("serves");
    try {
      await generations.startAgain();
    } catch (error) {
      await generations.dispose();
      throw error;
    }
    return generations;
  }

  /** As a service manager does when nothing is left of the one before; resolves when it listens. */
  async startAgain(): Promise<void> {
    await until("every process has ended", () => this.isGone, START_MS);
    const env = Object.entries(process.env).filter(
      ([name]) => !/^(?:SLUICE|npm|NODE|VITEST)_/i.test(name),
    );
    const since = this.log.length;
    const { args, mostDescriptors } = this.#launch;
    const limited =
      mostDescriptors === undefined
        ? []
        : ["sh", "-c", `ulimit -n ${mostDescriptors}; exec "$0" "$@"`];
    const keeper = new Keeper(
      [
        ...limited,
        ...[process.execPath, CLI, "serve", this.#module],
        ...["--port", String(this.port), "--workers", String(WORKERS)],
        ...["--admin-port", String(this.#adminPort), "--origins", "any"],
        ...["--report", "json", "--log", "json"],
        ...args,
      ],
      Object.fromEntries(env),
    );
    this.#keepers.push(keeper);
    createInterface({ input: keeper.stderr }).on("line", (line) =>
      this.log.push(readLine(line)),
    );
    createInterface({ input: keeper.stdout }).on("line", (line) =>
      this.reports.push(JSON.parse(line) as ShutdownReport),
    );
    this.current = await keeper.first();
    this.count++;
    await this.logged(
      ({ msg }) => msg.startsWith("listening on"),
      since,
      START_MS,
    );
  }

  /** Puts a new version of the service on disk. */
  deploy(behaviour: Behaviour, version = `v${this.#versions++}`): string {
    writeFileSync(this.#module, this.#launch.module(version, behaviour));
    if (behaviour === "serves") this.version = version;
    return version;
  }

  /** Puts the version that serves back on disk. */
  withdraw(): void {
    const { version } = this;
    this.deploy("serves", version);
    this.version = version;
  }

  /** Something else may serve than what is on disk. */
  forgetVersion(): void {
    this.version = undefined;
  }

  /** Calls the admin listener, and again while nobody answers there. */
  async call(method: string, path: string, body?: object): Promise<Answer> {
    return await until(
      `${method} ${path} is answered`,
      () => {
        if (this.isGone) throw new Error("every process has ended");
        return this.ask(method, path, body).catch(() => undefined);
      },
      CALL_MS,
    );
  }

  /** Calls the admin listener once. @throws Error when nobody answers. */
  async ask(method: string, path: string, body?: object): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const call = request(
      {
        ...{ method, path, host: "127.0.0.1", port: this.#adminPort },
        headers: { "Sluice-Request": "history" },
        // Whatever is open is a client's.
        agent: false,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part) => (text += part));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: text }),
        );
        response.on("error", reject);
      },
    );
    call.on("error", reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
    return await promise;
  }

  async standing(): Promise<Standing> {
    const { body } = await this.call("GET", "/api/status");
    return JSON.parse(body) as Standing;
  }

  /** The first line of the log that is meant, from a place on. */
  async logged(
    isMeant: (line: LogLine) => boolean,
    since: number,
    patienceMs?: number,
  ): Promise<LogLine> {
    return await until(
      "the log says it",
      () => {
        const found = this.log.slice(since).find(isMeant);
        if (found !== undefined) return found;
        if (this.isGone) throw new Error("every process has ended");
        return undefined;
      },
      patienceMs,
    );
  }

  /** Nothing is left of what was started last. */
  get isGone(): boolean {
    return this.#keepers.at(-1)?.isDeserted ?? true;
  }

  /** How processes have ended, in order. */
  get ends(): readonly ProcessEnd[] {
    return this.#keepers.flatMap(({ ends }) => ends);
  }

  endOf(pid: number): ProcessEnd | undefined {
    return this.ends.find((end) => end.pid === pid);
  }

  signal(pid: number, signal: NodeJS.Signals): void {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended by itself.
    }
  }

  /** The end of the log, for a failure. */
  get lastWords(): string {
    return this.log
      .slice(-LAST_LINES)
      .map(({ pid, msg, event = "", err }) =>
        [`[${pid}]`, event, msg, err === undefined ? "" : JSON.stringify(err)]
          .join(" ")
          .trimEnd(),
      )
      .join("\n");
  }

  async dispose(): Promise<void> {
    for (const keeper of this.#keepers) await keeper.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #versions = 1;

  get #module(): string {
    return join(this.#folder, "handlers.mjs");
  }
}

/** What a dying Node prints is no JSON. */
function readLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { pid: 0, msg: line, time: Date.now() };
  }
}
