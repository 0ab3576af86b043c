/** Every error code that Sluice throws or rejects with; docs/troubleshooting.md says for users what to look at. */
export type SluiceErrorCode =
  | "ERR_SLUICE_OPTION"
  | "ERR_SLUICE_HANDLERS"
  | "ERR_SLUICE_LISTEN"
  | "ERR_SLUICE_ADMIN"
  | "ERR_SLUICE_RUNTIME"
  | "ERR_SLUICE_SHARD_START"
  | "ERR_SLUICE_SHUTDOWN_CALLED_OFF"
  | "ERR_SLUICE_STATE"
  | "ERR_SLUICE_RELOAD"
  | "ERR_SLUICE_UPGRADE"
  | "ERR_SLUICE_TLS"
  | "ERR_SLUICE_CLOSE_CODE"
  | "ERR_SLUICE_CLOSE_REASON"
  | "ERR_SLUICE_MESSAGE"
  | "ERR_SLUICE_TOPIC"
  | "ERR_SLUICE_TOPIC_LIMIT"
  | "ERR_SLUICE_PAYLOAD"
  | "ERR_SLUICE_CLUSTER";

/**
 * The one error class of the public interface: a stable `code`, a message that
 * says what was given and what is accepted, and the `cause` where there is one.
 *
 * @example
 * ```ts
 * import { serve, SluiceError } from "sluice";
 *
 * try {
 *   await serve({ port: 8080 });
 * } catch (error) {
 *   if (!(error instanceof SluiceError)) throw error;
 *   if (error.code !== "ERR_SLUICE_LISTEN") throw error;
 *   console.error(error.message, error.cause);
 * }
 * ```
 */
export class SluiceError extends Error {
  override readonly name = "SluiceError";
  readonly code: SluiceErrorCode;

  constructor(code: SluiceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
