import type { Command } from "commander";

import type { Io } from "./io.ts";

/** What a subcommand gets to work with. */
interface CommandContext {
  readonly io: Io;
  /** Sets the exit status with which the process will end. */
  readonly exitWith: (status: number) => void;
}

/** Adds one subcommand to `sluice`. */
export type AddCommand = (program: Command, context: CommandContext) => void;
