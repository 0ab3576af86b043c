import type { Command } from "commander";

import type { Refusal } from "../admin/api.ts";
import { DEFAULT_PORT } from "../admin/listen.ts";
import { optionTable, resolveOption } from "../config.ts";
import type { OptionRow } from "../config/rows.ts";
import { optionSpecs } from "../config/table.ts";
import { SluiceError } from "../errors.ts";
import { readEnvironment } from "./environment.ts";
import { addFlags, readFlags } from "./flags.ts";
import type { Io } from "./io.ts";

/** What the options of a server's inspector mean to those who look for it. */
const targets: Readonly<Record<string, string>> = {
  adminHost: "where the running server's inspector is [127.0.0.1]",
  adminPort: `its port [${DEFAULT_PORT}]`,
  adminToken: "its token, if it has one; better in SLUICE_ADMIN_TOKEN",
};

/** Where the inspector is, by the names by which `sluice serve` was told. */
const targetRows: readonly OptionRow[] = optionTable
  .filter(({ key }) => key in targets)
  .map((row) => ({
    ...row,
    description: targets[row.key] ?? row.description,
  }));

/** Addresses that a server listens on but that nobody can connect to. */
const EVERYWHERE: Readonly<Record<string, string>> = {
  "0.0.0.0": "127.0.0.1",
  "::": "::1",
};

/** One server-sent event. */
export interface ServerEvent {
  readonly event: string;
  readonly data: unknown;
}

/** Speaks to the admin listener of a running server. */
export class AdminClient {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(base: string, token: string | undefined) {
    this.#base = base;
    this.#headers = {
      // Says that no web page forged the call.
      "Sluice-Request": "cli",
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    };
  }

  /** @throws SluiceError `ERR_SLUICE_ADMIN` when nobody answers, or it is refused. */
  async get<Answer>(path: string): Promise<Answer> {
    const response = await this.#call(path, {});
    return (await response.json()) as Answer;
  }

  /** @throws SluiceError `ERR_SLUICE_ADMIN` when nobody answers, or it is refused. */
  async post<Answer>(path: string, body: object): Promise<Answer> {
    const response = await this.#call(path, {
      method: "POST",
      body: JSON.stringify(body),
    });
    return (await response.json()) as Answer;
  }

  /** Events of a stream as they come, until the server ends it. */
  async events(path: string): Promise<AsyncIterable<ServerEvent>> {
    const { body } = await this.#call(path, {});
    // Taken now: a body that nobody has begun to read is cancelled as soon as
    // its answer is garbage, and the caller may have to ask for something first.
    return readEvents((body ?? new ReadableStream()).values());
  }

  async #call(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.#base}${path}`, {
        ...init,
        headers: this.#headers,
      });
    } catch (cause) {
      throw new SluiceError(
        "ERR_SLUICE_ADMIN",
        `no server answers at ${this.#base}: is it running, with its inspector on this port (--admin-port or SLUICE_ADMIN_PORT)?`,
        { cause },
      );
    }
    if (response.ok) return response;
    throw new SluiceError("ERR_SLUICE_ADMIN", await explain(response));
  }
}

/** Gives a command the flags that say where the server is, and `--json`. */
export function addTargetFlags(command: Command): Command {
  addFlags(command, targetRows);
  return command
    .option("--json", "print JSON, for other programs")
    .addHelpText(
      "after",
      "\nExit status: 0, 1 when it is refused or nobody answers, 2 for wrong usage.",
    );
}

/**
 * The client that a command's flags, or else the environment, lead to.
 *
 * @throws SluiceError `ERR_SLUICE_OPTION` for a value out of its range.
 */
export function connectAdmin(
  command: Command,
  { env }: Pick<Io, "env">,
): AdminClient {
  const flags = readFlags(command, targetRows);
  const { given } = readEnvironment(env, targetRows);
  const read = <Key extends "adminHost" | "adminPort" | "adminToken">(
    key: Key,
  ) => {
    const row = targetRows.find((each) => each.key === key) as OptionRow;
    const name = flags.has(key) ? row.flag : row.env;
    return resolveOption(
      optionSpecs[key],
      flags.get(key) ?? given.get(key),
      name,
    );
  };
  const listened = read("adminHost");
  const host = EVERYWHERE[listened] ?? listened;
  const port = read("adminPort");
  return new AdminClient(
    `http://${host.includes(":") ? `[${host}]` : host}:${port === "auto" ? DEFAULT_PORT : port}`,
    read("adminToken"),
  );
}

async function explain(response: Response): Promise<string> {
  if (response.status === 401)
    return "the server asks for its admin token: set SLUICE_ADMIN_TOKEN, or give --admin-token";
  try {
    return ((await response.json()) as Refusal).error;
  } catch {
    return `the server answered with status ${response.status}; is that a Sluice inspector?`;
  }
}

async function* readEvents(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1] ?? "message";
      const data: unknown = JSON.parse(
        /^data: (.*)$/m.exec(block)?.[1] ?? "null",
      );
      yield { event, data };
    }
  }
}
