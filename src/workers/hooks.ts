import type { IncomingMessage, ServerResponse } from "node:http";
import type {
  Authorization,
  Connection,
  ConnectionEnd,
  ConnectionRequest,
  DroppedMessages,
  Handlers,
} from "../handlers.ts";

/** Told of a hook that threw or rejected. */
export type HookFailure = (
  connection: Connection,
  hook: keyof Handlers,
  error: unknown,
) => void;

/** What each hook is given, behind the connection. */
export type HookArguments = {
  opened: [];
  resume: [state: unknown];
  draining: [];
  dropped: [missed: readonly DroppedMessages[]];
  closed: [end: ConnectionEnd];
};

/**
 * The user's handlers, made safe to call: none throws, and a promise that comes
 * back never rejects.
 */
export class Hooks {
  readonly #handlers: Handlers;
  readonly #onFailure: HookFailure;

  constructor(handlers: Handlers, onFailure: HookFailure) {
    this.#handlers = handlers;
    this.#onFailure = onFailure;
  }

  /** Whether there is anything to ask before an upgrade is accepted. */
  get authorizes(): boolean {
    return this.#handlers.authorize !== undefined;
  }

  /** Whether plain HTTP is answered by the handlers. */
  get takesRequests(): boolean {
    return this.#handlers.request !== undefined;
  }

  /** Whether a connection may come from another thread: what `opened` set up there, `resume` has to set up here. */
  get canResume(): boolean {
    const handlers = this.#handlers;
    return handlers.opened === undefined || handlers.resume !== undefined;
  }

  /** Whether there is anything to do before a connection leaves for another thread. */
  get suspends(): boolean {
    return this.#handlers.suspend !== undefined;
  }

  /** May throw or reject: the connection stays then. */
  suspend(connection: Connection): unknown {
    return this.#handlers.suspend?.(connection);
  }

  /** May throw or reject: the upgrade answers for it. */
  authorize(
    request: ConnectionRequest,
    signal: AbortSignal,
  ): PromiseLike<unknown> | Authorization<unknown> | undefined | void {
    return this.#handlers.authorize?.(request, signal);
  }

  /** May throw or reject: its request answers for it. */
  request(request: IncomingMessage, response: ServerResponse): unknown {
    return this.#handlers.request?.(request, response);
  }

  /** Runs `message`: what `run` does, without its generality, since every message passes here. */
  message(
    connection: Connection,
    data: Buffer,
    isBinary: boolean,
  ): Promise<void> | undefined {
    try {
      const result: unknown = this.#handlers.message?.(
        connection,
        data,
        isBinary,
      );
      return result === undefined
        ? undefined
        : this.#follow(connection, "message", result);
    } catch (error) {
      this.#onFailure(connection, "message", error);
      return undefined;
    }
  }

  /**
   * Runs a hook.
   *
   * @returns a promise while it is under way; `undefined` when the hook is
   *   absent or done already
   */
  run<Hook extends keyof HookArguments>(
    hook: Hook,
    connection: Connection,
    ...details: HookArguments[Hook]
  ): Promise<void> | undefined {
    try {
      const [detail] = details as [never];
      const result = this.#handlers[hook]?.(connection, detail);
      return this.#follow(connection, hook, result);
    } catch (error) {
      this.#onFailure(connection, hook, error);
      return undefined;
    }
  }

  #follow(
    connection: Connection,
    hook: keyof Handlers,
    result: unknown,
  ): Promise<void> | undefined {
    if (!isThenable(result)) return undefined;
    return Promise.resolve(result).then(
      () => {},
      (error: unknown) => this.#onFailure(connection, hook, error),
    );
  }
}

/**
 * Whether a value is a promise of any make.
 *
 * @throws what the value's own traps throw: it is foreign.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}
