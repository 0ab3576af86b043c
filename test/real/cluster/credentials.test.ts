import { beforeAll, describe, expect, it } from "vitest";
import {
  serve,
  type ServerOptions,
  type SluiceServer,
} from "../../../src/index.ts";
import { createCertificates } from "../../support/certificates.ts";
import { startServer } from "../../support/server.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
} from "../../support/system-packages.ts";
import { until } from "../../support/within.ts";
import { Member, TOPIC_SERVICE } from "../topics/member.ts";
import { createOperator } from "./nats-credentials.ts";
import { NatsServer } from "./nats-server.ts";

beforeAll(() => ensureSystemPackages(["nats-server"]), INSTALL_TIMEOUT_MS);

type Instance = SluiceServer & { readonly port: number };

const startInstance = (options: ServerOptions): Promise<Instance> =>
  startServer({
    handlers: TOPIC_SERVICE,
    clusterHeartbeatMs: 200,
    ...options,
  });

/** What a subscriber of one instance hears from another, and how many they know of. */
async function tryCluster(
  options: ServerOptions,
): Promise<{ heard: string; instances: number }> {
  const [one, two] = [
    await startInstance(options),
    await startInstance(options),
  ];
  const bob = await Member.join(two.port, "news");
  await until(
    "bob is known",
    async () => (await one.subscribers("news")).cluster === 1,
  );
  one.publish("news", "hello");
  const instances = await until("both are in the registry", async () => {
    const { length } = await one.instances();
    return length > 1 && length;
  });
  return { heard: await bob.hears(), instances };
}

const CONNECTED = { heard: "hello", instances: 2 };

/** Why an instance has no link; meanwhile it serves, and goes on trying. */
async function tryInVain(options: ServerOptions): Promise<string> {
  const server = await startInstance(options);
  const reason = await until(
    "it was refused",
    () => server.stats().cluster?.lastError ?? false,
  );
  const ann = await Member.join(server.port, "news");
  server.publish("news", "locally");
  expect(await ann.hears()).toBe("locally");
  await until(
    "it tries again",
    () => server.stats().cluster?.state === "connecting",
  );
  return reason;
}

describe("NATS servers that ask who it is", () => {
  it("take a user and a password", async () => {
    const nats = await NatsServer.start("--user", "ann", "--pass", "s@cret");
    const at = `127.0.0.1:${nats.port}`;
    expect(await tryCluster({ nats: [`nats://ann:s%40cret@${at}`] })).toEqual(
      CONNECTED,
    );
    expect(await tryInVain({ nats: [`nats://ann:wrong@${at}`] })).toMatch(
      /authoriz/i,
    );
    expect(await tryInVain({ nats: [`nats://${at}`] })).toMatch(/authoriz/i);
  });

  it("take a token", async () => {
    const nats = await NatsServer.start("--auth", "t0ken");
    const at = `127.0.0.1:${nats.port}`;
    expect(await tryCluster({ nats: [`nats://t0ken@${at}`] })).toEqual(
      CONNECTED,
    );
    expect(await tryInVain({ nats: [`nats://other@${at}`] })).toMatch(
      /authoriz/i,
    );
  });

  it("take a .creds file, of a user that their operator knows", async () => {
    const { configFile, credsFile, strangerFile } = createOperator();
    const nats = await NatsServer.start("-c", configFile);
    expect(
      await tryCluster({ nats: [nats.url], natsCredsFile: credsFile }),
    ).toEqual(CONNECTED);
    expect(
      await tryInVain({ nats: [nats.url], natsCredsFile: strangerFile }),
    ).toMatch(/authoriz/i);
  });
});

describe("NATS servers with TLS", () => {
  it("are believed when the authority that was named has signed for them", async () => {
    const { ca, serverCert, serverKey } = createCertificates();
    const nats = await NatsServer.start(
      ...["--tls", "--tlscert", serverCert, "--tlskey", serverKey],
    );
    const url = `tls://127.0.0.1:${nats.port}`;
    expect(await tryCluster({ nats: [url], natsTlsCaFile: ca })).toEqual(
      CONNECTED,
    );
    expect(await tryInVain({ nats: [url] })).toMatch(
      /certificate|self.signed|issuer/i,
    );
  });

  it("are shown the client certificate that they want", async () => {
    const { ca, serverCert, serverKey, clientCert, clientKey } =
      createCertificates();
    const nats = await NatsServer.start(
      ...["--tls", "--tlscert", serverCert, "--tlskey", serverKey],
      ...["--tlsverify", "--tlscacert", ca],
    );
    const trusting = {
      nats: [`tls://127.0.0.1:${nats.port}`],
      natsTlsCaFile: ca,
    };
    expect(
      await tryCluster({
        ...trusting,
        natsTlsCertFile: clientCert,
        natsTlsKeyFile: clientKey,
      }),
    ).toEqual(CONNECTED);
    expect(await tryInVain(trusting)).toMatch(
      /certificate|alert|closed|reset/i,
    );
  });
});

it("says which file cannot be read, before anything starts", async () => {
  await expect(
    serve({
      port: 0,
      workers: 1,
      nats: ["nats://127.0.0.1:4222"],
      natsCredsFile: "/nowhere/instance.creds",
    }),
  ).rejects.toMatchObject({
    code: "ERR_SLUICE_CLUSTER",
    message: expect.stringContaining("/nowhere/instance.creds"),
  });
});

it("starts while no NATS server is there, and finds the one that comes", async () => {
  const nats = await NatsServer.start();
  await nats.kill();
  const server = await startInstance({ nats: [nats.url] });
  await until("it was refused", () => server.stats().cluster?.lastError);
  await nats.restart();
  await until("the link", () => server.stats().cluster?.state === "connected");
  expect(server.stats().cluster?.lastError).toBeDefined();
});
