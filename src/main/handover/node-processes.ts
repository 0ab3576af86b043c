import { spawn } from "node:child_process";
import { asCalled, existingFolder } from "../../working-folder.ts";
import type { StartedProcess, StartingProcess } from "../main-surroundings.ts";

/** Set in the environment of a process that is started to take over, to the number of the one before. */
const TAKE_OVER_VARIABLE = "NODE_SLUICE_PREDECESSOR";

/** Starts a process with the command line of this one, which runs whatever is on disk by now. */
export function startSuccessor(): StartedProcess {
  const cwd = existingFolder();
  const child = spawn(process.execPath, commandLine(), {
    cwd,
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    // User data travels as structuredClone would take it.
    serialization: "advanced",
    env: {
      ...process.env,
      PWD: cwd,
      [TAKE_OVER_VARIABLE]: String(process.pid),
    },
  });
  return {
    get pid() {
      return child.pid;
    },
    get isConnected() {
      return child.connected;
    },
    send: (message, handle, onSent) => {
      child.send(message, handle as never, {}, onSent);
    },
    onMessage: (listener) => {
      child.on("message", listener);
    },
    onError: (listener) => {
      child.on("error", listener);
    },
    onExit: (listener) => {
      child.on("exit", listener);
    },
    kill: (signal) => {
      child.kill(signal);
    },
    ref: () => child.ref(),
    unref: () => {
      child.unref();
      child.channel?.unref();
    },
  };
}

/** This process's own, with the script by the name that leads to whatever was deployed. */
function commandLine(): string[] {
  const [, script = "", ...rest] = process.argv;
  return [...process.execArgv, asCalled(script), ...rest];
}

/** The process before this one, where that has started it to take over. */
export function findPredecessor(): StartingProcess | undefined {
  const { ppid: pid } = process;
  const isThere =
    process.env[TAKE_OVER_VARIABLE] === String(pid) &&
    process.send !== undefined;
  // Processes that this one starts for purposes of its own take nothing over.
  if (isThere) Reflect.deleteProperty(process.env, TAKE_OVER_VARIABLE);
  if (!isThere) return undefined;
  return {
    pid,
    get isConnected() {
      return process.connected;
    },
    send: (message, handle, onSent) => {
      process.send?.(message, handle as never, {}, onSent);
    },
    onMessage: (listener) => {
      process.on("message", listener);
    },
    onGone: (listener) => {
      if (process.connected) process.once("disconnect", listener);
      else listener();
    },
  };
}
