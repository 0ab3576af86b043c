import { useEffect, useState } from "preact/hooks";

/** Where in the page one is: `#/connections?state=open` has a path and a query. */
export interface Route {
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

function readRoute(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    path: path.split("/").filter((part) => part !== ""),
    query: new URLSearchParams(query),
  };
}

/** The hash of the address, followed. */
export function useRoute(): Route {
  const [route, setRoute] = useState(readRoute);
  useEffect(() => {
    const onChange = (): void => setRoute(readRoute());
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  return route;
}

/** The address of a list of connections with these filters. */
export function connectionsHref(
  filters: Readonly<Record<string, string | number | undefined>>,
): string {
  return hrefOf("connections", filters);
}

/** The address of a list of topics, or of one topic. */
export function topicsHref(
  fields: Partial<Record<"topic" | "prefix" | "sort", string>>,
): string {
  return hrefOf("topics", fields);
}

function hrefOf(view: string, fields: object): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined && value !== "") query.set(name, String(value));
  const text = query.toString();
  return text === "" ? `#/${view}` : `#/${view}?${text}`;
}
