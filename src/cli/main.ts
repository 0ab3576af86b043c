import { Command, CommanderError } from "commander";

import { SluiceError } from "../errors.ts";
import { addCloseCommand, addRestartCommand } from "./act-commands.ts";
import { addClusterCommand } from "./cluster-command.ts";
import { addConnectionsCommand } from "./connections-command.ts";
import type { AddCommand } from "./context.ts";
import { addDrainCommand, addResumeCommand } from "./drain-commands.ts";
import {
  addRebalanceCommand,
  addReloadCommand,
  addUpgradeCommand,
} from "./handover-commands.ts";
import { addInitCommand } from "./init-command.ts";
import { addEventsCommand } from "./events-command.ts";
import { EXIT, statusOf } from "./failure.ts";
import { tolerateClosedOutput, writeLine } from "./io.ts";
import type { Io } from "./io.ts";
import { addMachineCommand } from "./machine-command.ts";
import { addServeCommand } from "./serve-command.ts";
import { addShutdownCommand } from "./shutdown-command.ts";
import { addStatusCommand } from "./status-command.ts";
import { addPublishCommand, addTopicsCommand } from "./topics-commands.ts";
import { readVersion } from "./version.ts";

/** Every subcommand, in the order in which help lists them. */
const subcommands: readonly AddCommand[] = [
  addServeCommand,
  addStatusCommand,
  addEventsCommand,
  addConnectionsCommand,
  addTopicsCommand,
  addPublishCommand,
  addDrainCommand,
  addResumeCommand,
  addRestartCommand,
  addCloseCommand,
  addRebalanceCommand,
  addReloadCommand,
  addUpgradeCommand,
  addShutdownCommand,
  addMachineCommand,
  addClusterCommand,
  addInitCommand,
];

/**
 * Runs one command line.
 *
 * @param io - `process`, or a stand-in for it.
 * @returns The exit status; 2 for wrong usage.
 */
export async function main(io: Io): Promise<number> {
  tolerateClosedOutput(io);
  let status: number = EXIT.ok;
  const program = createProgram(io, (value) => {
    status = value;
  });
  try {
    await program.parseAsync(io.argv);
    return status;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    }
    if (!(error instanceof SluiceError)) throw error;
    await writeLine(io.stderr, `error: ${error.message}`);
    return statusOf(error);
  }
}

function createProgram(io: Io, exitWith: (status: number) => void): Command {
  const program = new Command("sluice")
    .description("A multi-core WebSocket server that knows how to stop.")
    .version(readVersion(), "-v, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    });
  for (const addTo of subcommands) addTo(program, { io, exitWith });
  return program;
}
