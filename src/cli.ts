#!/usr/bin/env node
import { describeOldRuntime } from "./runtime.ts";

// Nothing else may be imported statically: an older Node must get its one
// sentence before it trips over what only a newer one knows.
const problem = describeOldRuntime(process.versions.node);
const [name, folder = ".", ...rest] = process.argv.slice(2);
if (problem === undefined) {
  const { main } = await import("./cli/main.ts");
  const { leave } = await import("./cli/leave.ts");
  // The report is out. Leave, rather than wait for a handle that the user's
  // config file may have left open.
  await leave(await main(process));
} else if (name === "init" && rest.length === 0 && !folder.startsWith("-")) {
  const { initProject, renderInitialized } =
    await import("./cli/init-project.ts");
  const done = initProject(folder, process.cwd());
  if (typeof done === "string") {
    process.stderr.write(`error: ${done}\n`);
    process.exitCode = 2;
  } else process.stdout.write(`${renderInitialized(folder, done)}\n`);
} else {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 2;
}
