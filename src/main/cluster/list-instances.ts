import type { Config } from "../../config.ts";
import { SluiceError } from "../../errors.ts";
import { sayForeign } from "../../foreign-value.ts";
import { Bucket } from "./bucket.ts";
import type { InstanceEntry } from "./engine.ts";
import { loadNatsClient } from "./nats-client.ts";
import { InstanceRegistry } from "./instance-registry.ts";

/**
 * Lists the instances of a cluster from outside of it.
 *
 * @throws SluiceError `ERR_SLUICE_CLUSTER` when NATS or the registry cannot be
 *   reached.
 */
export async function listInstances(
  config: Config,
): Promise<readonly InstanceEntry[]> {
  const client = await loadNatsClient(config, "sluice-cluster");
  const { clusterName, clusterHeartbeatMs } = config;
  const bucket = new Bucket(client.bucketsOn, clusterName, clusterHeartbeatMs);
  const connection = await client.connect().catch((cause: unknown) => {
    throw new SluiceError(
      "ERR_SLUICE_CLUSTER",
      `nats: ${config.nats.map(withoutSecrets).join(", ")} cannot be reached: ${sayForeign(cause)}`,
      { cause },
    );
  });
  try {
    bucket.use(connection);
    return await new InstanceRegistry(bucket, "", () => {}).list();
  } finally {
    await connection.close();
  }
}

function withoutSecrets(server: string): string {
  return new URL(server).host;
}
