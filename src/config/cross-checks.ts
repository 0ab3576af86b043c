import type { Config, OptionKey, ServerOptions } from "../config.ts";
import { SluiceError } from "../errors.ts";
import { isLoopback } from "./addresses.ts";
import { formatDuration, formatSize } from "./units.ts";

/**
 * Refuses options that are each fine but contradict one another.
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
  const mustBeBelow = (
    low: NumericKey,
    high: NumericKey,
    format: (value: number) => string,
  ): void => {
    if (config[low] < config[high]) return;
    throw new SluiceError(
      "ERR_SLUICE_OPTION",
      `${show(low)}: got ${format(config[low])}, takes less than ${show(high)}, which is ${format(config[high])}`,
    );
  };
  mustBeBelow("lowWaterMarkBytes", "highWaterMarkBytes", formatSize);
  mustBeBelow("highWaterMarkBytes", "maxBufferedBytes", formatSize);
  mustBeBelow("shutdownDelayMs", "shutdownDeadlineMs", formatDuration);

  const { minReadyShards, workers } = config;
  if (minReadyShards > workers)
    throw new SluiceError(
      "ERR_SLUICE_OPTION",
      `${nameOf("minReadyShards")}: got ${minReadyShards}, takes no more than ${show("workers")}, which is ${workers}`,
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

  const { admin, adminHost, adminToken } = config;
  if (admin && adminToken === undefined && !isLoopback(adminHost))
    throw new SluiceError(
      "ERR_SLUICE_OPTION",
      `${nameOf("adminHost")}: got ${JSON.stringify(adminHost)}, takes a loopback address unless ${nameOf("adminToken")} is set: whoever reaches the inspector can end the server`,
    );
}

type FileKey = "tlsKeyFile" | "tlsCertFile";

type NumericKey = {
  [Key in OptionKey]: Config[Key] extends number ? Key : never;
}[OptionKey];
