import { CommanderError } from "commander";

import type { AddCommand } from "./context.ts";
import { addFlags, readFlags } from "./flags.ts";
import { renderFullHelp, renderHelp } from "./help.ts";
import { serveRows } from "./option-rows.ts";
import { runServe } from "./run-server.ts";
import { readSettings } from "./settings.ts";
import { findTerminal } from "./terminal.ts";

/** `sluice serve [handlers]` */
export const addServeCommand: AddCommand = (program, { io, exitWith }) => {
  const command = program
    .command("serve")
    .summary("serve WebSocket connections on every core")
    .argument("[handlers]", "module with your handlers")
    .configureHelp({ formatHelp: () => renderHelp(serveRows) })
    .option("--help-all")
    .on("option:help-all", () => {
      io.stdout.write(renderFullHelp(serveRows));
      throw new CommanderError(0, "commander.helpDisplayed", "");
    });
  addFlags(command, serveRows);
  command.action(async (handlers: string | undefined) => {
    const flags = new Map(readFlags(command, serveRows));
    if (handlers !== undefined) {
      if (flags.has("handlers")) {
        command.error(
          "error: handlers given twice, as an argument and with --handlers",
        );
      }
      flags.set("handlers", handlers);
    }
    const settings = await readSettings(flags, io);
    // Loaded late, so that help and usage errors do not wait for the server.
    const { serve } = await import("../index.ts");
    exitWith(await runServe(settings, io, serve, findTerminal()));
  });
};
