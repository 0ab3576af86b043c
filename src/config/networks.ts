import { BlockList, isIPv4, isIPv6, SocketAddress } from "node:net";
import { SluiceError } from "../errors.ts";

/** Of an IPv6 address. */
const GROUPS = 8;
const BITS_PER_GROUP = 16;

/** Whether an address, as the socket says it, is that of a proxy whose word counts. */
export type Trust = (address: string) => boolean;

/**
 * Narrows the trusted proxies once into the question whether a peer is one.
 *
 * @param trustedProxies addresses and CIDR ranges, IPv4 and IPv6.
 * @throws SluiceError `ERR_SLUICE_OPTION` for an entry that is neither.
 */
export function trustIn(trustedProxies: readonly string[]): Trust {
  if (trustedProxies.length === 0) return () => false;
  const ranges = trustedRanges(trustedProxies);
  return (address) => {
    const plain = normalized(address);
    if (plain === undefined) return false;
    return ranges.check(plain, isIPv4(plain) ? "ipv4" : "ipv6");
  };
}

/**
 * What counts as one client: an IPv4 address, or all IPv6 addresses that begin
 * alike, since whoever has one has its whole network (RFC 6177: a /64 at least).
 *
 * @param prefixBits How many bits of IPv6 addresses have to be equal, 1 to 128.
 */
export function networkOf(address: string, prefixBits: number): string {
  const plain = normalized(address);
  if (plain === undefined || isIPv4(plain)) return plain ?? address;
  const kept = groupsOf(plain).map((group, at) => {
    const bits = prefixBits - at * BITS_PER_GROUP;
    if (bits >= BITS_PER_GROUP) return group;
    return bits <= 0 ? 0 : group & (0xff_ff << (BITS_PER_GROUP - bits));
  });
  const text = kept.map((group) => group.toString(16)).join(":");
  return `${text}/${prefixBits}`;
}

/** One spelling for each address, or `undefined` for what is none. */
export function normalized(text: string): string | undefined {
  if (isIPv4(text)) return text;
  // A zone (fe80::1%eth0) names an interface of one machine, not a client.
  const address = text.replace(/%.*$/u, "");
  if (!isIPv6(address)) return undefined;
  const short = new SocketAddress({ address, family: "ipv6" }).address;
  return unmapped(short) ?? short;
}

/** The IPv4 address in an IPv4-mapped one in its short form, `undefined` for others. */
export function unmapped(address: string): string | undefined {
  const mapped = address.startsWith("::ffff:") ? address.slice(7) : "";
  return isIPv4(mapped) ? mapped : undefined;
}

function groupsOf(address: string): number[] {
  // ::1.2.3.4 is ::102:304 in the other notation.
  const plain = address.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/u,
    (_, ...bytes: string[]) => {
      const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
      return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
    },
  );
  const [head = "", tail] = plain.split("::");
  const groups = (text: string): number[] =>
    text === ""
      ? []
      : text.split(":").map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail ?? "")];
  const zeros = Array.from(
    { length: GROUPS - first.length - last.length },
    () => 0,
  );
  return [...first, ...zeros, ...last];
}

function trustedRanges(trustedProxies: readonly string[]): BlockList {
  const ranges = new BlockList();
  for (const entry of trustedProxies) {
    const [network = "", prefix, ...more] = entry.trim().split("/");
    const address = normalized(network);
    const given = prefix === undefined ? undefined : prefixLength(prefix);
    if (
      address === undefined ||
      more.length > 0 ||
      (prefix !== undefined && given === undefined)
    ) {
      throw invalidProxy(entry);
    }
    const isV4 = isIPv4(address);
    const bits = isV4 ? 32 : 128;
    // ::ffff:10.0.0.0/104 is 10.0.0.0/8 in the other notation.
    const length =
      given === undefined || isV4 === isIPv4(network) ? given : given - 96;
    if (length !== undefined && (length < 0 || length > bits)) {
      throw invalidProxy(entry);
    }
    ranges.addSubnet(address, length ?? bits, isV4 ? "ipv4" : "ipv6");
  }
  return ranges;
}

function prefixLength(text: string): number | undefined {
  return /^\d{1,3}$/u.test(text) ? Number(text) : undefined;
}

function invalidProxy(entry: string): SluiceError {
  return new SluiceError(
    "ERR_SLUICE_OPTION",
    `trustedProxies: ${JSON.stringify(entry)} is not an address; give addresses or ranges such as 10.0.0.0/8, 127.0.0.1 or fd00::/8`,
  );
}
