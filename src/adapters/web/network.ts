import { BlockList, isIP } from "node:net";

/** Where an address lies: this machine, a private network, anywhere else. */
export type Network = "loopback" | "private" | "public";

/** RFC 1122, RFC 4291: this machine itself. */
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8);
LOOPBACK.addAddress("::1", "ipv6");

/**
 * RFC 1918, 3927, 4193, 4291, 6598: networks that are not the internet; what stands for "here" or for nobody;
 * and RFC 3056, 4380, 6052, 8215: addresses that carry another one, which a gateway would follow.
 */
const PRIVATE = new BlockList();
for (const [net, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const)
  PRIVATE.addSubnet(net, bits);
for (const [net, bits] of [
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["2001::", 32],
  ["2002::", 16],
  ["::", 96],
] as const)
  PRIVATE.addSubnet(net, bits, "ipv6");

/** Where an IP address lies; an IPv4 address in IPv6 clothes counts as what it is. */
export function networkOf(address: string): Network {
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  const family = isIP(plain) === 6 ? "ipv6" : "ipv4";
  if (LOOPBACK.check(plain, family)) return "loopback";
  return PRIVATE.check(plain, family) ? "private" : "public";
}
