/** A Sluice server under test, through all processes that it becomes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as after } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ServerStats, ShutdownReport } from "../../src/index.ts";
import { controlPath, type Order, type ServerPlan } from "./order.ts";

const SERVER = fileURLToPath(new URL("server.ts", import.meta.url));
const START_DEADLINE_MS = 20_000;
const END_DEADLINE_MS = 20_000;
const LOOK_MS = 20;

/** What a server prints. */
interface Said {
  readonly listening?: number;
  readonly report?: ShutdownReport;
}

export class SluiceProcesses implements AsyncDisposable {
  readonly port: number;
  /** What the processes that have ended have reported. */
  readonly reports: ShutdownReport[] = [];
  readonly #folder: string;
  readonly #first: ChildProcess;
  #pid: number;
  #processes = 1;
  #wake = Promise.withResolvers<void>();

  private constructor(folder: string, first: ChildProcess, port: number) {
    this.#folder = folder;
    this.#first = first;
    this.#pid = first.pid as number;
    this.port = port;
  }

  /** Starts the first process; resolves when it listens. */
  static async start(
    plan: Omit<ServerPlan, "folder">,
  ): Promise<SluiceProcesses> {
    const folder = mkdtempSync(join(tmpdir(), "sluice-deploy-"));
    const child = spawn(
      process.execPath,
      [SERVER, JSON.stringify({ ...plan, folder })],
      // Its successors write to the same pipe.
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const started = Promise.withResolvers<number>();
    const fail = (): void =>
      started.reject(new Error("the server did not start"));
    child.once("exit", fail);
    const timer = setTimeout(fail, START_DEADLINE_MS);
    let processes: SluiceProcesses | undefined;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const { listening, report } = JSON.parse(line) as Said;
      if (listening !== undefined) started.resolve(listening);
      if (report !== undefined) processes?.reported(report);
    });
    try {
      processes = new SluiceProcesses(folder, child, await started.promise);
      return processes;
    } finally {
      clearTimeout(timer);
    }
  }

  reported(report: ShutdownReport): void {
    this.reports.push(report);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** @throws Error with what the server said when it refused. */
  async tell(order: Order): Promise<unknown> {
    const socket = await this.#call();
    try {
      socket.write(`${JSON.stringify(order)}\n`);
      const [line] = (await once(
        createInterface({ input: socket }),
        "line",
      )) as [string];
      const { answer, error } = JSON.parse(line) as {
        answer?: unknown;
        error?: string;
      };
      if (error !== undefined) throw new Error(error);
      return answer;
    } finally {
      socket.destroy();
    }
  }

  async stats(): Promise<ServerStats> {
    return (await this.tell({ do: "stats" })) as ServerStats;
  }

  /** Resolves when the new process is on its own, and the old one has reported. */
  async upgrade(): Promise<void> {
    const { pid } = (await this.tell({ do: "upgrade" })) as { pid: number };
    this.#pid = pid;
    this.#processes++;
    (await this.#call()).destroy();
    await this.#reportsOf(this.#processes - 1);
  }

  /** Resolves when the last process has reported. */
  async shutdown(): Promise<readonly ShutdownReport[]> {
    await this.tell({ do: "shutdown" });
    await this.#reportsOf(this.#processes);
    return this.reports;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of [this.#pid, this.#first.pid as number]) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    if (this.#first.exitCode === null && this.#first.signalCode === null)
      await once(this.#first, "exit");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #reportsOf(count: number): Promise<void> {
    const late = after(END_DEADLINE_MS, "late", { ref: false });
    while (this.reports.length < count)
      if ((await Promise.race([this.#wake.promise, late])) === "late")
        throw new Error(`a process has not reported in ${END_DEADLINE_MS} ms`);
  }

  /** A process that has just taken over opens its socket a moment later. */
  async #call(): Promise<Socket> {
    const giveUpAt = performance.now() + START_DEADLINE_MS;
    for (;;) {
      const socket = connect(controlPath(this.#folder, this.#pid));
      try {
        await once(socket, "connect");
        return socket;
      } catch (error) {
        if (performance.now() > giveUpAt) throw error;
        await after(LOOK_MS);
      }
    }
  }
}
