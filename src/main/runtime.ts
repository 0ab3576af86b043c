import { SluiceError } from "../errors.ts";
import { describeOldRuntime } from "../runtime.ts";

/** @throws SluiceError `ERR_SLUICE_RUNTIME` when this Node cannot move sockets between threads. */
export function requireRuntime(): void {
  const complaint = describeOldRuntime(process.versions.node);
  if (complaint !== undefined)
    throw new SluiceError("ERR_SLUICE_RUNTIME", complaint);
}
