import { execFile, spawn } from "node:child_process";
import {
  getRandomValues,
  randomBytes,
  randomFillSync,
  randomInt,
  scrypt,
  scryptSync,
} from "node:crypto";
import { createSocket } from "node:dgram";
import { lookup } from "node:dns";
import { readFile, readFileSync, writeFileSync } from "node:fs";
import { readFile as readSoon } from "node:fs/promises";
import { get } from "node:http";
import { connect, createServer, Socket } from "node:net";
import { setInterval as every, scheduler } from "node:timers/promises";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { gzip, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { simulate } from "../../../src/testing/index.ts";

const HERE = new URL(import.meta.url);

/** Plays handlers that do this at the first message, and answer with what comes of it. */
async function doInHandler(
  work: () => unknown,
  { seed = 1 } = {},
): Promise<string> {
  let answer = "";
  await simulate(
    {
      seed,
      handlers: () => ({
        async message(connection) {
          connection.send(JSON.stringify((await work()) ?? null));
        },
      }),
    },
    async ({ open }) => {
      const client = await open("/");
      client.send("go");
      answer = await client.next();
    },
  );
  return answer;
}

const reachesOut: Readonly<Record<string, () => unknown>> = {
  "net.connect": () => connect(1),
  "net.Socket.connect": () => new Socket().connect(1),
  "net.Server.listen": () => createServer().listen(0),
  "http.get": () => get("http://127.0.0.1:1"),
  fetch: () => fetch("http://127.0.0.1:1"),
  WebSocket: () => new WebSocket("ws://127.0.0.1:1"),
  "dgram.Socket.bind": () => createSocket("udp4").bind(0),
  "dns.lookup": () => promisify(lookup)("localhost"),
  "fs.readFile": () => promisify(readFile)(HERE),
  "fs.promises.readFile": () => readSoon(HERE),
  "fs.writeFileSync": () => writeFileSync("/nowhere/at/all", ""),
  "child_process.spawn": () => spawn("true"),
  "child_process.execFile": () => promisify(execFile)("true"),
  Worker: () => new Worker("", { eval: true }),
  "zlib.gzip": () => promisify(gzip)("text"),
  "crypto.scrypt": () => promisify(scrypt)("password", "salt", 8),
};

describe("handlers in a simulation", () => {
  it.each(Object.entries(reachesOut))(
    "are told that %s is real, and that nothing real is touched",
    async (_name, work) => {
      const told = doInHandler(async () => {
        try {
          await work();
        } catch {
          // Whoever swallows it has touched the world all the same.
        }
      });
      await expect(told).rejects.toThrow("broken: nothing real is touched");
    },
  );

  it("read and compute at once what is the same in every run", async () => {
    const work = (): unknown => [
      readFileSync(HERE).length,
      gzipSync("text").length,
      scryptSync("password", "salt", 8).toString("hex"),
    ];
    const [bytes] = JSON.parse(await doInHandler(work)) as number[];
    expect(bytes).toBe(readFileSync(HERE).length);
  });

  it("leave the test its real world meanwhile", async () => {
    await simulate({ handlers: () => ({ opened() {} }) }, async ({ open }) => {
      await open("/");
      expect((await readSoon(HERE)).length).toBeGreaterThan(0);
      await scheduler.wait(1);
    });
  });

  it("draw by seed what others draw by chance", async () => {
    const work = async (): Promise<unknown> => [
      randomBytes(4).toString("hex"),
      (await promisify(randomBytes)(4)).toString("hex"),
      randomInt(1_000_000),
      await promisify(randomInt)(1_000_000),
      [...randomFillSync(new Uint8Array(4))],
      [...getRandomValues(new Uint8Array(4))],
      [...crypto.getRandomValues(new Uint8Array(4))],
      crypto.randomUUID(),
      Math.random(),
    ];
    const first = await doInHandler(work);
    expect(await doInHandler(work)).toBe(first);
    expect(await doInHandler(work, { seed: 2 })).not.toBe(first);
  });

  it("wait in virtual time, whatever they wait with", async () => {
    const startedAt = performance.now();
    const work = async (): Promise<unknown> => {
      const [seconds, nanos] = process.hrtime();
      const up = process.uptime();
      await promisify(setTimeout)(10_000);
      await scheduler.wait(10_000);
      await scheduler.yield();
      await promisify(setImmediate)();
      await every(10_000)[Symbol.asyncIterator]().next();
      const signal = AbortSignal.timeout(10_000);
      await new Promise((resolve) => {
        signal.addEventListener("abort", resolve);
      });
      const [since] = process.hrtime([seconds, nanos]);
      return [since, Math.floor(process.uptime() - up), signal.reason.name];
    };
    expect(JSON.parse(await doInHandler(work))).toEqual([
      40,
      40,
      "TimeoutError",
    ]);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});
