/** `ws` in one process: the reference of all ratios. */
import { announce, collectNode, readOptions } from "./control.ts";
import { serveWs } from "./ws-handlers.ts";

announce(await serveWs(readOptions()), collectNode);
