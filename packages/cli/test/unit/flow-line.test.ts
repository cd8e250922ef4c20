import type { FlowView } from '@raftwall/admin-api/client';
import { describe, expect, it } from 'vitest';
import { sampleFlow } from '../../../admin-api/test/fixtures/fake-node.ts';
import { flowLine } from '../../src/output/flow-line.ts';
import { flowXml } from '../../src/output/flow-xml.ts';

/** Flows with the lines that `conntrack -L` of conntrack-tools 1.4.7 printed for them. */
const GOLDEN: [string, Partial<FlowView>, string][] = [
  [
    'assured TCP with a mark',
    {
      original: { src: '10.0.0.1', dst: '10.0.0.2', sport: 1111, dport: 80 },
      reply: { src: '10.0.0.2', dst: '10.0.0.1', sport: 80, dport: 1111 },
      timeoutSeconds: 99,
      mark: 5,
    },
    'tcp      6 99 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1111 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1111 [ASSURED] mark=5 use=1',
  ],
  [
    'translated TCP',
    {
      original: { src: '10.0.0.9', dst: '10.0.0.2', sport: 1111, dport: 80 },
      reply: { src: '10.0.0.2', dst: '192.168.0.1', sport: 80, dport: 99 },
      timeoutSeconds: 99,
    },
    'tcp      6 99 ESTABLISHED src=10.0.0.9 dst=10.0.0.2 sport=1111 dport=80 src=10.0.0.2 dst=192.168.0.1 sport=80 dport=99 [ASSURED] mark=0 use=1',
  ],
  [
    'unreplied UDP in a zone',
    {
      protocol: 'udp',
      zone: 7,
      original: { src: '10.0.0.1', dst: '10.0.0.2', sport: 1111, dport: 53 },
      reply: { src: '10.0.0.2', dst: '10.0.0.1', sport: 53, dport: 1111 },
      state: null,
      status: ['CONFIRMED'],
      timeoutSeconds: 99,
    },
    'udp      17 99 src=10.0.0.1 dst=10.0.0.2 sport=1111 dport=53 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=53 dport=1111 mark=0 zone=7 use=1',
  ],
  [
    'an echo request',
    {
      protocol: 'icmp',
      original: { src: '10.0.0.1', dst: '10.0.0.2', icmpType: 8, icmpCode: 0, icmpId: 77 },
      reply: { src: '10.0.0.2', dst: '10.0.0.1', icmpType: 0, icmpCode: 0, icmpId: 77 },
      state: null,
      status: ['SEEN_REPLY', 'CONFIRMED'],
      timeoutSeconds: 29,
    },
    'icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=77 mark=0 use=1',
  ],
  [
    'GRE with keys',
    {
      protocol: 'gre',
      original: { src: '10.0.0.3', dst: '10.0.0.2', sport: 5, dport: 6 },
      reply: { src: '10.0.0.2', dst: '10.0.0.3', sport: 6, dport: 5 },
      state: null,
      status: ['CONFIRMED'],
      timeoutSeconds: 99,
    },
    'gre      47 99 src=10.0.0.3 dst=10.0.0.2 srckey=0x5 dstkey=0x6 [UNREPLIED] src=10.0.0.2 dst=10.0.0.3 srckey=0x6 dstkey=0x5 mark=0 use=1',
  ],
  [
    'SCTP without a reply',
    {
      protocol: 'sctp',
      original: { src: '10.0.0.1', dst: '10.0.0.2', sport: 1111, dport: 80 },
      reply: { src: '10.0.0.2', dst: '10.0.0.1', sport: 80, dport: 1111 },
      status: ['CONFIRMED'],
      timeoutSeconds: 100,
    },
    'sctp     132 100 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1111 dport=80 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1111 mark=0 use=1',
  ],
  [
    'a protocol without a name',
    {
      protocol: '89',
      original: { src: '10.0.0.3', dst: '10.0.0.2' },
      reply: { src: '10.0.0.2', dst: '10.0.0.3' },
      state: null,
      status: ['CONFIRMED'],
      timeoutSeconds: 99,
    },
    'unknown  89 99 src=10.0.0.3 dst=10.0.0.2 [UNREPLIED] src=10.0.0.2 dst=10.0.0.3 mark=0 use=1',
  ],
];

describe('a flow as a line', () => {
  it.each(GOLDEN)('is what conntrack -L prints: %s', (_name, changes, expected) => {
    expect(flowLine(sampleFlow(changes))).toBe(expected);
  });

  it('of an offloaded flow has no timeout', () => {
    expect(flowLine(sampleFlow({ status: ['SEEN_REPLY', 'ASSURED', 'OFFLOAD'] }))).toMatch(
      /^tcp {6}6 ESTABLISHED .* \[OFFLOAD\] mark=0 use=1$/,
    );
  });

  it('leaves the timeout out where conntrackd does', () => {
    expect(flowLine(sampleFlow(), { remainingTime: false })).toMatch(/^tcp {6}6 ESTABLISHED src=/);
  });
});

it('a flow as XML is what conntrackd -x prints', () => {
  const [, changes] = GOLDEN[2] ?? [];
  expect(flowXml(sampleFlow(changes))).toBe(
    '<flow><meta direction="original"><layer3 protonum="2" protoname="ipv4"><src>10.0.0.1</src><dst>10.0.0.2</dst></layer3>' +
      '<layer4 protonum="17" protoname="udp"><sport>1111</sport><dport>53</dport></layer4></meta>' +
      '<meta direction="reply"><layer3 protonum="2" protoname="ipv4"><src>10.0.0.2</src><dst>10.0.0.1</dst></layer3>' +
      '<layer4 protonum="17" protoname="udp"><sport>53</sport><dport>1111</dport></layer4></meta>' +
      '<meta direction="independent"><timeout>99</timeout><mark>0</mark><zone>7</zone><unreplied/></meta></flow>',
  );
});
