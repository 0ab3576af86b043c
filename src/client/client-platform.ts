/** An address as a WebSocket takes it everywhere, also where it is relative or `http:`. */
export function webSocketUrl(
  url: string | URL,
  base: string | undefined,
): string {
  const { href } = new URL(url, base);
  if (!/^(?:ws|http)s?:/.test(href))
    throw new TypeError(
      `an address begins with ws:, wss:, http: or https:; got ${href}`,
    );
  return href.replace(/^http/, "ws").replace(/#.*$/, "");
}

/** The handlers that are properties of their object, such as `onmessage`. */
export function hearHandlers(target: EventTarget, types: string[]): void {
  for (const type of types)
    target.addEventListener(type, (event) =>
      (target as unknown as Record<string, EventListener | null>)[
        `on${type}`
      ]?.(event),
    );
}

/** An event with these fields, told to its listeners. */
export function tell(target: EventTarget, type: string, fields = {}): void {
  target.dispatchEvent(Object.assign(new Event(type), fields));
}

/** What a page has beyond Node, and a worker in part. */
interface Page {
  readonly addEventListener?: EventTarget["addEventListener"];
  readonly document?: EventTarget & { readonly visibilityState: string };
  readonly location?: { readonly href: string };
  readonly navigator?: { readonly onLine?: boolean };
}
export const page: Page = globalThis as unknown as Page;
