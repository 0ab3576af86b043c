import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { ensureBuilt } from "../../support/built.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer } from "../../support/server.ts";
import { within } from "../../support/within.ts";

// The example imports the package by its name.
beforeAll(ensureBuilt);

it("relays /chat/<room> to everyone in the room, across shards, and to no other room", async () => {
  const { port } = await startServer({
    workers: 2,
    balance: "round-robin",
    handlers: undefined,
  });
  const [ann, bob, eve] = [
    await RawClient.open(port, "/chat/kitchen"),
    await RawClient.open(port, "/chat/kitchen"),
    await RawClient.open(port, "/chat/cellar"),
  ];
  ann.send("hello");
  expect(await bob.message()).toBe("hello");
  expect(await ann.message()).toBe("hello");
  eve.send("anyone?");
  expect(await eve.message()).toBe("anyone?");
  bob.send("bye");
  expect(await ann.message()).toBe("bye");
});

it("has a page that is told where the chat is, and that may come from another origin", async () => {
  const example = spawn(
    process.execPath,
    [
      fileURLToPath(
        new URL("../../../examples/chat/server.ts", import.meta.url),
      ),
    ],
    {
      env: { ...process.env, PAGE_PORT: "0", SLUICE_PORT: "0" },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  onTestFinished(() => void example.kill("SIGKILL"));
  const lines = createInterface(example.stdout);
  const [line] = (await within("its address", once(lines, "line"))) as [string];
  const origin = /http:\S+/.exec(line)?.[0] ?? "";
  const page = await (await fetch(origin)).text();
  const url = new URL(/const chat = "(ws:[^"]+)"/.exec(page)?.[1] ?? "");
  const headers = { Origin: origin };
  const ann = await RawClient.open(Number(url.port), "/chat/lobby", headers);
  const bob = await RawClient.open(Number(url.port), "/chat/lobby", headers);
  ann.send("hello");
  expect(await bob.message()).toBe("hello");
  example.kill("SIGTERM");
  expect((await ann.closed()).reason).toMatch(/^retry-after-ms=\d+$/);
  await bob.closed();
  await within("its end", once(example, "exit"));
});
