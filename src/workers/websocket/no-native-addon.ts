/**
 * Imported before `ws`, which loads the native add-on `bufferutil` where a user
 * has installed it. A thread that is ended while it loads one (a start that
 * takes too long, a second signal, the last resort) aborts the whole process
 * inside the add-on's initialization, whose calls of Node-API then fail. The
 * frames that nearly all are do not come to `ws` anyway.
 */
import { isMainThread } from "node:worker_threads";

// A thread's environment is a copy of its own.
if (!isMainThread) process.env["WS_NO_BUFFER_UTIL"] ??= "1";
