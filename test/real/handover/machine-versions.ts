import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { onTestFinished } from "vitest";
import { root } from "../../support/built.ts";

const url = (path: string): string => pathToFileURL(join(root, path)).href;

/** Handlers on disk that run a machine. */
interface Deployed {
  readonly file: string;
  /** Writes a version whose machine calls its first state so. */
  readonly deploy: (first: string) => Promise<void>;
}

/** Handlers whose machine counts, works for a while, and knows in what process it is. */
export async function machineDeployment(): Promise<Deployed> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-machines-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "handlers.mjs");
  const deploy = (first: string): Promise<void> =>
    writeFile(
      file,
      `import { threadId } from "node:worker_threads";
      import { machineHandlers, connectionActions } from "${url("src/index.ts")}";
      import { assign, fromPromise, setup } from "${url("node_modules/xstate/dist/xstate.cjs.mjs")}";
      const gate = new BroadcastChannel("machine-gate"); gate.unref();
      const machine = setup({
        actions: connectionActions,
        actors: { work: fromPromise(() => new Promise((resolve) => { gate.onmessage = resolve; gate.unref(); })) },
      }).createMachine({
        id: "counter", context: { count: 0 }, initial: ${JSON.stringify(first)},
        on: {
          count: { actions: [
            assign({ count: ({ context }) => context.count + 1 }),
            { type: "send", params: ({ context }) => ({ data: context.count + " in " + process.pid + "." + threadId }) },
          ] },
        },
        states: {
          [${JSON.stringify(first)}]: { on: { work: "working" } },
          working: { tags: "busy", invoke: { src: "work", onDone: {
            target: ${JSON.stringify(first)}, actions: { type: "send", params: { data: "worked" } } } } },
        },
      });
      export default machineHandlers(machine, { decode: (data) => ({ type: data.toString() }) });\n`,
    );
  await deploy("idle");
  return { file, deploy };
}
