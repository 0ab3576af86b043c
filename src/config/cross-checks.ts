import type { Config, OptionKey } from "../config.ts";
import { SluiceError } from "../errors.ts";
import { formatDuration, formatSize } from "./units.ts";

/**
 * Refuses options that are each fine but contradict one another.
 *
 * @param nameOf - How the message calls an option.
 * @throws SluiceError `ERR_SLUICE_OPTION`.
 */
export function checkTogether(
  config: Config,
  nameOf: (key: OptionKey) => string,
): void {
  const mustBeBelow = (
    low: NumericKey,
    high: NumericKey,
    format: (value: number) => string,
  ): void => {
    if (config[low] < config[high]) return;
    throw new SluiceError(
      "ERR_SLUICE_OPTION",
      `${nameOf(low)}: got ${format(config[low])}, takes less than ${nameOf(high)}, which is ${format(config[high])}`,
    );
  };
  mustBeBelow("lowWaterMarkBytes", "highWaterMarkBytes", formatSize);
  mustBeBelow("highWaterMarkBytes", "maxBufferedBytes", formatSize);
  mustBeBelow("shutdownDelayMs", "shutdownDeadlineMs", formatDuration);

  if (
    (config.tlsKeyFile === undefined) !==
    (config.tlsCertFile === undefined)
  ) {
    const [given, missing] =
      config.tlsKeyFile === undefined
        ? (["tlsCertFile", "tlsKeyFile"] as const)
        : (["tlsKeyFile", "tlsCertFile"] as const);
    throw new SluiceError(
      "ERR_SLUICE_OPTION",
      `${nameOf(given)}: got a file, but TLS takes both a key and a certificate; ${missing} is missing`,
    );
  }
}

type NumericKey = {
  [Key in OptionKey]: Config[Key] extends number ? Key : never;
}[OptionKey];
