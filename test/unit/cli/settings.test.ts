import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { readSettings } from "../../../src/cli/settings.ts";
import type { Settings } from "../../../src/cli/settings.ts";
import { FakeIo } from "./fake-io.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-settings-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function configFile(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function read(
  flags: Readonly<Record<string, unknown>> = {},
  env: Readonly<Record<string, string>> = {},
  isTTY = false,
): Promise<Settings> {
  const given = new Map(Object.entries(flags));
  return await readSettings(given, new FakeIo({ env, isTTY }));
}

describe("the sources of options", () => {
  it("lets a flag win over the environment, and that over the file", async () => {
    const config = await configFile(
      "sluice.config.json",
      '{ "port": 1, "workers": 1, "maxPayloadBytes": "2MiB" }',
    );
    const settings = await read(
      { config, port: "3" },
      { SLUICE_PORT: "2", SLUICE_WORKERS: "2" },
    );
    expect(settings.config).toMatchObject({
      port: 3,
      workers: 2,
      maxPayloadBytes: 2_097_152,
      host: "127.0.0.1",
    });
  });

  it("finds the config file through the environment", async () => {
    const config = await configFile("other.json", '{ "port": 4000 }');
    const settings = await read({}, { SLUICE_CONFIG: config });
    expect(settings.config.port).toBe(4000);
  });

  it.each([
    ["a.mjs", "export default { port: 4001, log: 'json' };"],
    ["a.js", "export default { port: 4001 };"],
    ["a.ts", "const port: number = 4001;\nexport default { port };"],
    ["a.cjs", "exports.__esModule = true;\nexports.default = { port: 4001 };"],
    ["b.cjs", "module.exports = { port: 4001 };"],
  ])("takes the default export of %s", async (name, content) => {
    const config = await configFile(name, content);
    expect((await read({ config })).config.port).toBe(4001);
  });

  it("takes JSON with a byte order mark", async () => {
    const config = await configFile("windows.json", '\uFEFF{ "port": 4001 }');
    expect((await read({ config })).config.port).toBe(4001);
  });

  it("takes paths in a config file from where the file is", async () => {
    const config = await configFile(
      "tls.json",
      '{ "tlsKeyFile": "key.pem", "tlsCertFile": "/etc/cert.pem", "handlers": "./handlers.ts" }',
    );
    expect((await read({ config })).config).toMatchObject({
      tlsKeyFile: join(folder, "key.pem"),
      tlsCertFile: "/etc/cert.pem",
      handlers: pathToFileURL(join(folder, "handlers.ts")).href,
    });
  });

  it("takes an empty variable for one that is not set", async () => {
    expect((await read({}, { SLUICE_PORT: "" })).config.port).toBe(8080);
  });

  it("reads what Kubernetes sets for a Service named sluice as no option", async () => {
    const settings = await read(
      {},
      {
        SLUICE_PORT: "tcp://10.0.0.1:80",
        SLUICE_PORT_80_TCP: "tcp://10.0.0.1:80",
        SLUICE_PORT_80_TCP_PORT: "80",
        SLUICE_SERVICE_HOST: "10.0.0.1",
        SLUICE_SERVICE_PORT: "80",
      },
    );
    expect(settings.config.port).toBe(8080);
    expect(settings.warnings).toEqual([]);
  });

  it("warns of a variable that is no option and says which was meant", async () => {
    const settings = await read({}, { SLUICE_SHUTDOWN_DEADLINE_MS: "1000" });
    expect(settings.warnings).toEqual([
      "SLUICE_SHUTDOWN_DEADLINE_MS: no such option; did you mean SLUICE_SHUTDOWN_DEADLINE?",
    ]);
  });
});

describe("a wrong option is called what its source calls it", () => {
  it("by its flag", async () => {
    await expect(read({ port: "http" })).rejects.toThrow(
      '--port: got "http", takes an integer from 0 to 65535',
    );
  });

  it("by its variable", async () => {
    await expect(read({}, { SLUICE_MAX_PAYLOAD: "lots" })).rejects.toThrow(
      'SLUICE_MAX_PAYLOAD: got "lots", takes a size',
    );
  });

  it("by its key and the file", async () => {
    const config = await configFile("sluice.config.json", '{ "port": "http" }');
    await expect(read({ config })).rejects.toThrow(
      'port in sluice.config.json: got "http", takes an integer from 0 to 65535',
    );
  });

  it("by its flag, where it is a default that contradicts", async () => {
    await expect(read({}, { SLUICE_SHUTDOWN_DELAY: "9s" })).rejects.toThrow(
      "SLUICE_SHUTDOWN_DELAY: got 9s, takes less than --shutdown-deadline (its default), which is 8s",
    );
  });

  it("also when it only says how to talk", async () => {
    await expect(read({}, { SLUICE_REPORT: "xml" })).rejects.toThrow(
      'SLUICE_REPORT: got "xml", takes "json" or "text" or "none"',
    );
  });
});

describe("a config file is refused", () => {
  it("when it is not there", async () => {
    const config = join(folder, "nowhere.json");
    await expect(read({ config })).rejects.toThrow(
      /^nowhere\.json: cannot be read as a config file: ENOENT/,
    );
  });

  it("when it is no JSON", async () => {
    const config = await configFile("broken.json", "{ port: 1 }");
    await expect(read({ config })).rejects.toThrow(
      /^broken\.json: cannot be read as a config file: /,
    );
  });

  it("when it holds no object", async () => {
    const config = await configFile("list.json", "[8080]");
    await expect(read({ config })).rejects.toThrow(
      'list.json: is no object of options such as { "port": 8080 }',
    );
  });

  it("when it is a module without a default export", async () => {
    const config = await configFile("none.mjs", "export const port = 1;");
    await expect(read({ config })).rejects.toThrow(
      "none.mjs: its default export is no object of options",
    );
  });

  it("when it has a key that is no option", async () => {
    const config = await configFile("a.json", '{ "worker": 1 }');
    await expect(read({ config })).rejects.toThrow(
      "worker: no such option; did you mean workers? (in a.json)",
    );
  });

  it("when it names another config file", async () => {
    const config = await configFile("a.json", '{ "config": "b.json" }');
    await expect(read({ config })).rejects.toThrow("config: no such option");
  });
});

describe("how the command line talks", () => {
  it("is for people on a terminal", async () => {
    const { talk } = await read({}, {}, true);
    expect(talk).toEqual({ report: "text", log: "pretty", logLevel: "info" });
  });

  it("is for programs elsewhere", async () => {
    const { talk } = await read();
    expect(talk).toEqual({ report: "none", log: "json", logLevel: "info" });
  });

  it("can be chosen by every source", async () => {
    const config = await configFile("a.json", '{ "logLevel": "warn" }');
    const { talk } = await read(
      { config, report: "json" },
      { SLUICE_LOG: "pretty" },
    );
    expect(talk).toEqual({ report: "json", log: "pretty", logLevel: "warn" });
  });
});
