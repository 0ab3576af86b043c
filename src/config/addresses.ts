import { isIP, isIPv4, SocketAddress } from "node:net";

/** Words for the blocks that people mean when they say where their proxy is. */
const NAMED_BLOCKS: ReadonlyMap<string, readonly string[]> = new Map([
  ["loopback", ["127.0.0.0/8", "::1/128"]],
  // RFC 1918, RFC 6598 (shared address space) and RFC 4193.
  [
    "private",
    [
      "10.0.0.0/8",
      "172.16.0.0/12",
      "192.168.0.0/16",
      "100.64.0.0/10",
      "fc00::/7",
    ],
  ],
]);

/**
 * Spells one entry out as addresses and CIDR blocks.
 *
 * @param entry - An address, a CIDR block, or `loopback` or `private`.
 * @returns `undefined` when it is none of them.
 */
export function expandAddress(entry: string): readonly string[] | undefined {
  const named = NAMED_BLOCKS.get(entry.toLowerCase());
  if (named !== undefined) return named;
  const [address = "", prefix, ...rest] = entry.split("/");
  if (rest.length > 0 || isIP(address) === 0) return undefined;
  // A zone names an interface of this machine; a block list has no notion of it.
  if (address.includes("%")) return undefined;
  if (prefix === undefined) return [entry];
  if (!/^\d{1,3}$/.test(prefix)) return undefined;
  const bits = Number(prefix);
  if (isIPv4(address)) return bits <= 32 ? [entry] : undefined;
  return bits <= 128 && bits >= fewestBits(address) ? [entry] : undefined;
}

/** A block around an IPv4-mapped address must not reach beyond the mapped ones. */
function fewestBits(address: string): number {
  const short = new SocketAddress({ address, family: "ipv6" }).address;
  return short.startsWith("::ffff:") && short.includes(".") ? 96 : 0;
}

/** Whether a host can only be reached from this machine: `127.0.0.0/8`, `::1` or `localhost`. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (isIPv4(name)) return name.startsWith("127.");
  return name === "::1" || name === "localhost";
}
