import { isIPv6 } from "node:net";
import { normalized, trustIn, unmapped } from "../../config/networks.ts";

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
  const isTrusted = trustIn(trustedProxies);
  return (socketAddress, forwardedFor) => {
    let client = normalized(socketAddress);
    if (client === undefined) return socketAddress;
    if (forwardedFor === undefined) return client;
    const hops = forwardedFor.split(",");
    while (isTrusted(client)) {
      const hop = hops.pop();
      const address = hop === undefined ? undefined : addressIn(hop);
      if (address === undefined) break;
      client = address;
    }
    return client;
  };
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
