import { resolve } from "node:path";

import type { AddCommand } from "./context.ts";
import { initProject, renderInitialized } from "./init-project.ts";
import { writeLine } from "./io.ts";

/** `sluice init [folder]`: needs no server. */
export const addInitCommand: AddCommand = (program, { io }) => {
  const command = program
    .command("init")
    .summary("write a small project that runs")
    .description(
      'Writes a small project that runs: package.json, tsconfig.json, handlers, a test, a Dockerfile and a unit for systemd. What is there stays as it is. Afterwards "npm install-test" and "npm start" do.',
    )
    .argument("[folder]", "where to; here without it")
    .action(async (given: string | undefined) => {
      const folder = resolve(given ?? ".");
      const done = initProject(folder, process.cwd());
      if (typeof done === "string") command.error(`error: ${done}`);
      else await writeLine(io.stdout, renderInitialized(folder, done));
    });
};
