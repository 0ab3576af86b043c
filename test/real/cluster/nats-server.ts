import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { systemPrograms } from "../../support/system-packages.ts";
import { until, within } from "../../support/within.ts";

/** Of ports that were free a moment ago. */
const ATTEMPTS = 5;

/** A real nats-server with JetStream, on a port of its own; ended with the test. */
export class NatsServer {
  readonly port: number;
  readonly #directory: string;
  readonly #options: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(
    port: number,
    directory: string,
    options: readonly string[],
  ) {
    this.port = port;
    this.#directory = directory;
    this.#options = options;
  }

  /** @param options - Flags besides those for address, port and JetStream. */
  static async start(...options: string[]): Promise<NatsServer> {
    const server = await NatsServer.launch(...options);
    onTestFinished(() => server.end());
    return server;
  }

  /** The same outside of a test: it lives until `end()`. */
  static async launch(...options: string[]): Promise<NatsServer> {
    const directory = await mkdtemp(join(tmpdir(), "sluice-nats-"));
    let failure: unknown;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const server = new NatsServer(await freePort(), directory, options);
      try {
        await server.restart();
        return server;
      } catch (error) {
        // Somebody else may have taken the port by now.
        failure = error;
      }
    }
    throw failure;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts it again, on the same port, and waits until it accepts. */
  async restart(): Promise<void> {
    const started = spawn(
      systemPrograms["nats-server"],
      [
        ...["-a", "127.0.0.1", "-p", String(this.port)],
        ...["-js", "-sd", this.#directory, ...this.#options],
      ],
      { stdio: "ignore" },
    );
    this.#process = started;
    await until("nats-server accepts", async () => {
      const isThere = await canConnect(this.port);
      if (started.exitCode !== null)
        throw new Error(`nats-server ended with status ${started.exitCode}`);
      return isThere;
    });
  }

  /** Ends it at once, as a power cut would. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const exited = once(running, "exit");
    running.kill("SIGKILL");
    await within("the end of nats-server", exited);
  }

  /** Ends it for good; nothing of it is left. */
  async end(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    // A port at which nobody listens may be connected with itself.
    return socket.localPort !== port;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
