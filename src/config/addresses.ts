import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";

/** Words for the blocks that people mean when they say where their proxy is. */
const NAMED_BLOCKS: Readonly<Record<string, readonly string[]>> = {
  loopback: ["127.0.0.0/8", "::1/128"],
  // RFC 1918, RFC 6598 (shared address space) and RFC 4193.
  private: [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
  ],
};

/**
 * Spells one entry out as addresses and CIDR blocks.
 *
 * @param entry - An address, a CIDR block, or `loopback` or `private`.
 * @returns `undefined` when it is none of them.
 */
export function expandAddress(entry: string): readonly string[] | undefined {
  const named = NAMED_BLOCKS[entry.toLowerCase()];
  if (named !== undefined) return named;
  const [address = "", prefix, ...rest] = entry.split("/");
  if (rest.length > 0 || isIP(address) === 0) return undefined;
  // A zone names an interface of this machine; a block list has no notion of it.
  if (address.includes("%")) return undefined;
  if (prefix === undefined) return [entry];
  const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  return bits <= (isIPv4(address) ? 32 : 128) ? [entry] : undefined;
}

/**
 * The block list of validated entries, as `Config.trustedProxies` holds them;
 * ask it with `check(address, family)`.
 */
export function toBlockList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix] = entry.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}
