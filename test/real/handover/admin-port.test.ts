import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { serveCommand } from "../../support/command.ts";
import { temporaryFolder } from "../../support/certificates.ts";
import { Generations } from "./generations.ts";
import { judgeTalkers, openTalkers } from "./talkers.ts";
import { deployment } from "./versions.ts";

const CLIENTS = 10;

it("a new process whose inspector is to have a port that another program has goes without, says so, and serves", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await once(other, "listening");
  const { port: adminPort } = other.address() as AddressInfo;
  const config = join(temporaryFolder(), "sluice.json");
  await writeFile(config, JSON.stringify({ adminPort: 0 }));
  const versions = await deployment();
  const server = new Generations(
    await serveCommand([
      ...["--config", config, "--handlers", versions.file],
      ...["--workers", "2", "--origins", "any"],
    ]),
    versions,
  );
  const talkers = await openTalkers(server.command.port, CLIENTS);
  await writeFile(config, JSON.stringify({ adminPort }));
  await server.upgrade();
  const [line] = await server.logged(/"event":"admin-absent"[^\n]*/);
  expect(line).toContain(`127.0.0.1:${adminPort}`);
  expect(line).toContain("another process uses the port");
  const verdict = await judgeTalkers(talkers);
  expect(verdict).toEqual({ closed: 0, wrong: 0, unanswered: 0 });
  const [newcomer] = await openTalkers(server.command.port, 1);
  expect(newcomer?.isContent).toBe(true);
  process.kill(server.pid, "SIGTERM");
  const { report } = await server.command.ended;
  expect(report).toMatchObject({ movedIn: CLIENTS, balanced: true });
});
