import type { Call } from "./call.ts";
import type { Fields } from "./fields.ts";

/** What answers calls of one method at one path. */
export interface Route {
  /** The fields that it takes, all of which `handle` reads; `anything` is not looked at. */
  readonly takes: readonly string[] | "anything";
  handle(call: Call, fields: Fields): void | Promise<void>;
}

/** `GET /api/connections/:id` and what answers it. */
export type Routes = Readonly<Record<string, Route>>;

interface KnownRoute {
  readonly method: string;
  readonly segments: readonly string[];
  readonly route: Route;
}

const nothing: Fields = () => undefined;

/** A route that takes no fields, and refuses those that are given. */
export function plain(handle: Route["handle"]): Route {
  return { takes: [], handle };
}

/** The same for what browsers, probes and scrapers ask for, who add what they like. */
export function unread(handle: Route["handle"]): Route {
  return { takes: "anything", handle };
}

/** Finds what answers a call. */
export class Router {
  readonly #routes: readonly KnownRoute[];

  constructor(routes: Routes) {
    this.#routes = Object.entries(routes).map(([key, route]) => {
      const [method, path] = key.split(" ") as [string, string];
      return { method, segments: path.split("/"), route };
    });
  }

  /** Answers a call, also when nothing is there. */
  async answer(call: Call): Promise<void> {
    const segments = call.path.split("/");
    const method = call.method === "HEAD" ? "GET" : call.method;
    const allowed: string[] = [];
    for (const { route, ...known } of this.#routes) {
      const params = match(known.segments, segments);
      if (params === undefined) continue;
      if (known.method !== method) {
        allowed.push(...(known.method === "GET" ? ["GET", "HEAD"] : ["POST"]));
        continue;
      }
      call.params = params;
      const { takes } = route;
      await route.handle(
        call,
        takes === "anything" ? nothing : await call.given(takes),
      );
      return;
    }
    if (allowed.length === 0) call.refuse(404, "there is nothing at this path");
    else
      call.refuse(405, `this path takes ${allowed.join(", ")}`, {
        Allow: allowed.join(", "),
      });
  }
}

function match(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, part] of pattern.entries()) {
    const segment = segments[at] as string;
    if (part.startsWith(":") && segment !== "") params[part.slice(1)] = segment;
    else if (part !== segment) return undefined;
  }
  return params;
}
