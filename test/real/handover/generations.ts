import { onTestFinished } from "vitest";
import { type Command, serveCommand } from "../../support/command.ts";
import { until } from "../../support/within.ts";
import { type Deployment, deployment } from "./versions.ts";

/** A server, followed from one process to the next. */
export class Generations {
  readonly command: Command;
  readonly versions: Deployment;
  /** Of the process that serves now. */
  pid: number;

  constructor(command: Command, versions: Deployment) {
    this.command = command;
    this.versions = versions;
    this.pid = command.child.pid as number;
  }

  /**
   * Starts the first one, with two shards and handlers that echo.
   *
   * @param nodeOptions - Of Node, in every process.
   */
  static async begin(
    args: readonly string[] = [],
    nodeOptions: readonly string[] = [],
  ): Promise<Generations> {
    const versions = await deployment();
    const command = await serveCommand(
      [
        ...["--handlers", versions.file, "--workers", "2"],
        ...["--origins", "any", "--admin-port", "0", ...args],
      ],
      nodeOptions,
    );
    return new Generations(command, versions);
  }

  /** What the process that serves now has logged, or will: the first line that matches. */
  logged(pattern: RegExp, pid = this.pid): Promise<RegExpExecArray> {
    const line = new RegExp(`"pid":${pid},"hostname"[^\\n]*${pattern.source}`);
    return this.command.logged(line, 45_000);
  }

  /** Has the process replaced by a new one; resolves when the old one has gone. */
  async upgrade(): Promise<void> {
    const { pid } = this;
    process.kill(pid, "SIGUSR2");
    const [, next] = await this.logged(/"event":"upgraded","pid":(\d+)/);
    this.pid = Number(next);
    endWithTest(this.pid);
    await gone(pid);
  }

  /** Asks the inspector of the process that serves now. */
  async ask<Answer>(path: string, body?: object): Promise<Answer> {
    const [, url] = await this.logged(/inspector at (http:[^"]*)/);
    const response = await fetch(`${url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { "content-type": "application/json", "sluice-request": "1" },
      body: body === undefined ? null : JSON.stringify(body),
    });
    if (!response.ok)
      throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Answer;
  }
}

/** Resolves when there is no process of that number, or only what its parent has not noticed. */
export function gone(pid: number): Promise<boolean> {
  return until(`process ${pid} is gone`, () => !isAlive(pid), 45_000);
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

export function endWithTest(pid: number): void {
  onTestFinished(() => {
    if (isAlive(pid)) process.kill(pid, "SIGKILL");
  });
}
