import { SluiceError } from "../errors.ts";
import { isLoopback } from "./addresses.ts";
import type { Config, OptionKey, ServerOptions } from "./options.ts";
import { FRAME_HEADER_BYTES, PUBLICATION_BYTES } from "./table.ts";
import { formatDuration, formatSize } from "./units.ts";

/**
 * Refuses options that are each fine but contradict one another.
 *
 * | option                   | takes                                                                            |
 * | ------------------------ | -------------------------------------------------------------------------------- |
 * | `lowWaterMarkBytes`      | less than `highWaterMarkBytes`                                                   |
 * | `highWaterMarkBytes`     | less than `maxBufferedBytes`                                                     |
 * | `shutdownDelayMs`        | less than `shutdownDeadlineMs`                                                   |
 * | `maxBufferedBytes`       | `maxPayloadBytes` and a frame's header: an echo fits                             |
 * | `maxPublishBacklogBytes` | `maxPayloadBytes`, `maxTopicLengthBytes` and a little: a publication fits        |
 * | `minReadyShards`         | no more than `workers`: the server could never be ready                          |
 * | `maxBytesPerSecond`      | 0, or `maxPayloadBytes`: a message fits into a second                            |
 * | `tlsKeyFile`             | `tlsCertFile` beside it, and the other way round; `natsTlsKeyFile` likewise      |
 * | `adminPort`              | another than `port`, where both listen on the same host                          |
 * | `adminHost`              | a loopback address, unless `adminToken` is set                                   |
 *
 * All other options are fine beside any value of another.
 *
 * @param given - The options as given: a contradicted default is called one.
 * @param nameOf - How the message calls an option.
 * @throws SluiceError `ERR_SLUICE_OPTION`.
 */
export function checkTogether(
  config: Config,
  given: ServerOptions,
  nameOf: (key: OptionKey) => string,
): void {
  const show = (key: OptionKey): string =>
    given[key] === undefined ? `${nameOf(key)} (its default)` : nameOf(key);
  const refuse = (message: string): never => {
    throw new SluiceError("ERR_SLUICE_OPTION", message);
  };
  const mustBeBelow = (
    low: NumericKey,
    high: NumericKey,
    format: (value: number) => string,
  ): void => {
    if (config[low] < config[high]) return;
    refuse(
      `${show(low)}: got ${format(config[low])}, takes less than ${show(high)}, which is ${format(config[high])}`,
    );
  };
  mustBeBelow("lowWaterMarkBytes", "highWaterMarkBytes", formatSize);
  mustBeBelow("highWaterMarkBytes", "maxBufferedBytes", formatSize);
  mustBeBelow("shutdownDelayMs", "shutdownDeadlineMs", formatDuration);

  const { maxPayloadBytes, maxTopicLengthBytes, maxBytesPerSecond } = config;
  /** One message of the largest size has to fit, or it could never pass. */
  const mustHold = (key: NumericKey, besidesBytes: number): void => {
    const least = maxPayloadBytes + besidesBytes;
    if (config[key] >= least) return;
    refuse(
      `${show(key)}: got ${formatSize(config[key])}, takes at least ${formatSize(least)}, since ${show("maxPayloadBytes")} is ${formatSize(maxPayloadBytes)}`,
    );
  };
  mustHold("maxBufferedBytes", FRAME_HEADER_BYTES);
  mustHold("maxPublishBacklogBytes", maxTopicLengthBytes + PUBLICATION_BYTES);
  if (maxBytesPerSecond > 0) mustHold("maxBytesPerSecond", 0);

  const { minReadyShards, workers } = config;
  if (minReadyShards > workers)
    refuse(
      `${show("minReadyShards")}: got ${minReadyShards}, takes no more than ${show("workers")}, which is ${workers}: it would never be ready`,
    );

  const mustComeWith = (file: FileKey, missing: FileKey): void => {
    if (config[file] === undefined || config[missing] !== undefined) return;
    throw new SluiceError(
      "ERR_SLUICE_OPTION",
      `${nameOf(file)}: got ${JSON.stringify(config[file])}, takes ${nameOf(missing)} beside it: TLS needs both`,
    );
  };
  mustComeWith("tlsKeyFile", "tlsCertFile");
  mustComeWith("tlsCertFile", "tlsKeyFile");
  mustComeWith("natsTlsKeyFile", "natsTlsCertFile");
  mustComeWith("natsTlsCertFile", "natsTlsKeyFile");

  const { admin, adminHost, adminPort, adminToken, host, port } = config;
  if (admin && port !== 0 && adminPort === port && adminHost === host)
    refuse(
      `${nameOf("adminPort")}: got ${adminPort}, takes another than ${show("port")}`,
    );
  if (admin && adminToken === undefined && !isLoopback(adminHost))
    throw new SluiceError(
      "ERR_SLUICE_OPTION",
      `${nameOf("adminHost")}: got ${JSON.stringify(adminHost)}, takes a loopback address unless ${nameOf("adminToken")} is set: whoever reaches the inspector can end the server`,
    );
}

type FileKey =
  "tlsKeyFile" | "tlsCertFile" | "natsTlsKeyFile" | "natsTlsCertFile";

type NumericKey = {
  [Key in OptionKey]: Config[Key] extends number ? Key : never;
}[OptionKey];
