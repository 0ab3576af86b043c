import { argv } from "node:process";
import { RawClient } from "./raw-client.ts";

/**
 * A process with a number of open connections, which says so to its parent and
 * is then stopped by it. Arguments: port, count, path.
 */
const [, , port, count, path] = argv;
const clients: RawClient[] = [];
while (clients.length < Number(count))
  clients.push(
    await RawClient.open(Number(port), path, {}, { isCleanedUp: false }),
  );
process.send?.("open");
