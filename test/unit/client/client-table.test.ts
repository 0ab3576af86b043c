import { execFile } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, it } from "vitest";

const fileOf = (path: string): string =>
  fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** What a page loads, gzipped. */
const MAX_BYTES = 4_096;

it("the table that ships is what the script makes of the machine", async () => {
  const child = execFile(process.execPath, [
    fileOf("scripts/client-table.ts"),
    "--check",
  ]);
  let complaint = "";
  child.stderr?.on("data", (chunk: string) => (complaint += chunk));
  const [status] = (await once(child, "close")) as [number];
  expect([status, complaint]).toEqual([0, ""]);
});

it(`the client is smaller than ${MAX_BYTES} bytes, and needs nothing else`, async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileOf("src/client/index.ts")],
    bundle: true,
    minify: true,
    format: "esm",
    // Nothing of Node is there.
    platform: "neutral",
    target: "es2022",
    write: false,
    metafile: true,
  });
  expect(Object.keys(metafile.inputs)).toSatisfy((inputs: string[]) =>
    inputs.every((input) => input.includes("src/client/")),
  );
  const [bundle] = outputFiles;
  const { length } = gzipSync(bundle?.contents ?? "", { level: 9 });
  expect(length).toBeGreaterThan(1_000);
  expect(length).toBeLessThan(MAX_BYTES);
});
