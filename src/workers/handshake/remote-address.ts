import { BlockList, isIPv4, isIPv6, SocketAddress } from "node:net";
import { SluiceError } from "../../errors.ts";

/**
 * Gives the address of the client behind a connection.
 *
 * @param socketAddress the address of the socket's peer.
 * @param forwardedFor the header X-Forwarded-For, when there is one.
 */
export type ClientAddress = (
  socketAddress: string,
  forwardedFor: string | undefined,
) => string;

/**
 * Narrows the trusted proxies once into the function that finds the client.
 *
 * X-Forwarded-For is walked from the right, the end that the nearest proxy
 * wrote: each trusted hop vouches for the one to its left, and the first that is
 * not trusted is the client. An entry that is no address ends the walk at the hop
 * that sent it. A peer that is not trusted itself can claim nothing.
 *
 * Addresses come out in one spelling: IPv4-mapped IPv6 as IPv4, and IPv6 in its
 * short lower-case form, so that counting by address cannot be evaded.
 *
 * @param trustedProxies addresses and CIDR ranges, IPv4 and IPv6.
 * @throws SluiceError `ERR_SLUICE_OPTION` for an entry that is neither.
 */
export function clientAddressBehind(
  trustedProxies: readonly string[],
): ClientAddress {
  if (trustedProxies.length === 0) {
    // The kernel's spelling is the short one already.
    return (socketAddress) => unmapped(socketAddress) ?? socketAddress;
  }
  const trusted = trustedRanges(trustedProxies);
  return (socketAddress, forwardedFor) => {
    let client = normalized(socketAddress);
    if (client === undefined) return socketAddress;
    if (forwardedFor === undefined) return client;
    const hops = forwardedFor.split(",");
    while (isTrusted(trusted, client)) {
      const hop = hops.pop();
      const address = hop === undefined ? undefined : addressIn(hop);
      if (address === undefined) break;
      client = address;
    }
    return client;
  };
}

function isTrusted(trusted: BlockList, address: string): boolean {
  return trusted.check(address, isIPv4(address) ? "ipv4" : "ipv6");
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

/** The address in one entry: bare, quoted, with a port, bracketed, or several of these. */
function addressIn(entry: string): string | undefined {
  const text = entry.trim().replace(/^"(.*)"$/u, "$1");
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/u.exec(text)?.[1];
  if (bracketed !== undefined) {
    return isIPv6(bracketed) ? normalized(bracketed) : undefined;
  }
  return normalized(text.replace(/^([\d.]+):\d{1,5}$/u, "$1"));
}

/** One spelling for each address, or `undefined` for what is none. */
function normalized(text: string): string | undefined {
  if (isIPv4(text)) return text;
  // A zone (fe80::1%eth0) names an interface of one machine, not a client.
  const address = text.replace(/%.*$/u, "");
  if (!isIPv6(address)) return undefined;
  const short = new SocketAddress({ address, family: "ipv6" }).address;
  return unmapped(short) ?? short;
}

/** The IPv4 address in an IPv4-mapped one in its short form, `undefined` for others. */
function unmapped(address: string): string | undefined {
  const mapped = address.startsWith("::ffff:") ? address.slice(7) : "";
  return isIPv4(mapped) ? mapped : undefined;
}
