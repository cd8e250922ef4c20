/** The addresses of the test case, and their IPv6 twins. */
export const plan = Object.freeze({
  hostA: '192.168.0.3',
  hostB: '192.168.1.3',
  hostA6: 'fd00:a::3',
  hostB6: 'fd00:b::3',
  virtualLeft: '192.168.0.100',
  virtualRight: '192.168.1.100',
  virtualLeft6: 'fd00:a::100',
  virtualRight6: 'fd00:b::100',
  /** A second pair of virtual addresses, and the host whose way it is. */
  hostA2: '192.168.0.4',
  hostA26: 'fd00:a::4',
  virtualLeft2: '192.168.0.101',
  virtualRight2: '192.168.1.101',
  virtualLeft26: 'fd00:a::101',
  /** Port of the members among themselves. */
  peerPort: 7650,
  /** Port on the left virtual address that leads to B's echo server in the DNAT variant. */
  forwardedPort: 2222,
  /** Port of the echo server on B. */
  echoPort: 7000,
});

/** The own addresses of the n-th firewall (1 to 99). */
export function firewallAddresses(index: number): {
  readonly left: string;
  readonly right: string;
  readonly members: string;
  readonly left6: string;
  readonly right6: string;
} {
  return {
    left: `192.168.0.${10 + index}`,
    right: `192.168.1.${10 + index}`,
    members: `10.77.0.${index}`,
    left6: `fd00:a::1${index}`,
    right6: `fd00:b::1${index}`,
  };
}

/** Both virtual addresses of the second pair. */
export const secondPair = [plan.virtualLeft2, plan.virtualRight2] as const;

/** All virtual addresses, those of IPv6 only if asked for. */
export function virtualAddresses(ipv6: boolean): string[] {
  const { virtualLeft, virtualRight, virtualLeft6, virtualRight6 } = plan;
  return ipv6
    ? [virtualLeft, virtualRight, virtualLeft6, virtualRight6]
    : [virtualLeft, virtualRight];
}
