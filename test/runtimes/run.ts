import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { serve, type SluiceServer } from "../../src/index.ts";

/**
 * Runs the built client in the runtimes that it is made for, which it installs
 * on demand: the oldest Node that it supports, Deno and Bun. In each it comes
 * back to a server that is restarted, and its process ends by itself.
 */
const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  node: [],
  deno: ["run", "--quiet", "--allow-net", "--allow-read"],
  bun: ["run"],
};
const WANTED = [
  "connected",
  '{"keeps":true,"fate":"uncertain","echo":"meanwhile","protocols":["sluice.v1","sluice.v1"]}',
  "closed 4000 done",
];
const PATIENCE_MS = 30_000;

async function start(port: number): Promise<SluiceServer> {
  return await serve({ port, workers: 1, origins: "any" });
}

async function visit(runtime: string): Promise<string[]> {
  const first = await start(0);
  const { port } = first.address;
  let second: SluiceServer | undefined;
  const child = spawn(
    `${here}node_modules/.bin/${runtime}`,
    [
      ...(RUNTIMES[runtime] ?? []),
      `${here}visitor.mjs`,
      `ws://127.0.0.1:${port}/echo`,
    ],
    { stdio: ["ignore", "pipe", "inherit"], timeout: PATIENCE_MS },
  );
  const ended = once(child, "close");
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (line !== "connected") continue;
    await first.shutdown();
    second = await start(port);
  }
  const [status] = (await ended) as [number | null];
  await (second ?? first).shutdown();
  return status === 0 ? said : [...said, `ended with ${status}`];
}

spawnSync("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock"], {
  cwd: here,
  stdio: "inherit",
});
spawnSync("npm", ["run", "build"], { cwd: root, stdio: "inherit" });
for (const runtime of Object.keys(RUNTIMES)) {
  const said = await visit(runtime);
  const isRight = JSON.stringify(said) === JSON.stringify(WANTED);
  console.log(`${runtime}: ${isRight ? "as it should be" : said.join("\n")}`);
  if (!isRight) process.exitCode = 1;
}
