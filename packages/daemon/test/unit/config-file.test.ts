import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig, readConfigFile } from '../../src/config/config-file.ts';
import { ConfigError, formatFault } from '../../src/config/fault.ts';

/** The example of the contract, as data, so that a test can bend one key. */
function sample() {
  return {
    cluster: {
      name: 'edge',
      members: [
        { id: 'fw1', address: '10.77.0.1:7650' },
        { id: 'fw2', address: '10.77.0.2:7650' },
        { id: 'fw3', address: '10.77.0.3:7650' },
      ],
      timing: 'default',
      virtualAddresses: ['192.168.0.100', '192.168.1.100'],
    } as Record<string, unknown>,
    node: { id: 'fw1', dataDir: '/var/lib/raftwall' } as Record<string, unknown>,
    peers: { insecure: true } as Record<string, unknown>,
    api: { socket: '/run/raftwall/raftwall.sock', listen: '127.0.0.1:7680' } as Record<
      string,
      unknown
    >,
    vrrp: {
      mode: 'follow',
      instance: { group: 'G1' },
      fifo: '/var/lib/raftwall/keepalived/fifo',
      trackFile: '/var/lib/raftwall/keepalived/ready',
    } as Record<string, unknown> | undefined,
    capture: {
      admit: 'replied',
      filter: { protocols: ['tcp', 'udp'], ignoreAddresses: ['127.0.0.0/8', '::1/128'] },
      destroyHoldMs: 1000,
      foreignDeletes: 'replicate',
    } as Record<string, unknown>,
    kernel: { maxEntries: 1_000_000 } as Record<string, unknown>,
  };
}

type Sample = ReturnType<typeof sample>;

function bent(bend: (config: Sample) => void): string {
  const config = sample();
  bend(config);
  return stringify(JSON.parse(JSON.stringify(config)));
}

/** The lines of a configuration's faults, without their places. */
function faultsOf(text: string): string[] {
  try {
    parseConfig(text);
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.faults.map((fault) => formatFault({ ...fault, line: null }));
    }
    throw error;
  }
  return [];
}

const group = (name: string, select?: unknown) => ({
  name,
  instance: { instance: `VI_${name}` },
  trackFile: `/var/lib/raftwall/keepalived/${name}`,
  ...(select === undefined ? {} : { select }),
});

describe('a valid configuration', () => {
  it('is read whole', () => {
    const { config, warnings } = parseConfig(bent(() => {}));
    expect(config.cluster.members[1]).toEqual({
      id: 'fw2',
      address: { text: '10.77.0.2:7650', host: '10.77.0.2', port: 7650 },
    });
    expect(config.node.listen.text).toBe('10.77.0.1:7650');
    expect(config.vrrp?.groups).toEqual([
      {
        name: 'default',
        instance: { kind: 'GROUP', name: 'G1' },
        trackFile: '/var/lib/raftwall/keepalived/ready',
        select: null,
        virtualAddresses: ['192.168.0.100', '192.168.1.100'],
      },
    ]);
    expect(config.kernel).toEqual({
      maxEntries: 1_000_000,
      eventBufferBytes: 67_108_864,
      tcpWindowTracking: 'liberal',
    });
    expect(warnings).toEqual([expect.stringContaining('peers.insecure')]);
  });

  it('gets every default from the shortest form', () => {
    const { config } = parseConfig(`
cluster: { name: c, members: [{ id: a, address: "[FD00:0::1]:7650" }] }
node: { id: a }
peers: { insecure: true }
`);
    expect(config).toEqual({
      cluster: {
        name: 'c',
        members: [{ id: 'a', address: { text: '[fd00::1]:7650', host: 'fd00::1', port: 7650 } }],
        timing: {
          name: 'default',
          heartbeatMs: 75,
          electionTimeoutMsMin: 300,
          electionTimeoutMsMax: 600,
        },
        virtualAddresses: [],
      },
      node: {
        id: 'a',
        dataDir: '/var/lib/raftwall',
        witness: false,
        join: false,
        listen: { text: '[fd00::1]:7650', host: 'fd00::1', port: 7650 },
        raftLog: { segmentBytes: 67_108_864, trailingEntries: 4096 },
      },
      peers: { insecure: true, tls: null },
      api: { socket: '/run/raftwall/raftwall.sock', listen: null, tls: null, tokensFile: null },
      vrrp: null,
      capture: {
        admit: 'replied',
        filter: {
          protocols: [6, 17, 1, 58, 132, 33, 47],
          ignoreAddresses: [
            '127.0.0.0/8',
            '::1/128',
            '169.254.0.0/16',
            'fe80::/10',
            '224.0.0.0/4',
            'ff00::/8',
            '255.255.255.255/32',
          ],
          addresses: [],
          zones: [],
          tcpStates: [],
          marks: [],
        },
        destroyHoldMs: 1000,
        foreignDeletes: 'replicate',
      },
      kernel: { maxEntries: null, eventBufferBytes: 67_108_864, tcpWindowTracking: 'liberal' },
      log: { level: 'info' },
    });
  });

  it('reads the filter into what the kernel numbers', () => {
    const { config } = parseConfig(
      bent((it) => {
        it.capture['filter'] = {
          protocols: ['tcp', 50, 0],
          addresses: ['10.0.0.0/8', 'FD00:0::/16'],
          zones: [0, 7],
          tcpStates: ['established', 'close_wait'],
          marks: ['0x10/0xF0', 7, '4294967295'],
        };
      }),
    );
    expect(config.capture.filter).toMatchObject({
      protocols: [6, 50, 0],
      addresses: ['10.0.0.0/8', 'fd00::/16'],
      zones: [0, 7],
      tcpStates: [3, 5],
      marks: [
        { value: 0x10, mask: 0xf0 },
        { value: 7, mask: 0xffffffff },
        { value: 0xffffffff, mask: 0xffffffff },
      ],
    });
  });

  it('is frozen in every depth', () => {
    const { config } = parseConfig(bent(() => {}));
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.cluster.members[0]?.address)).toBe(true);
    expect(Object.isFrozen(config.capture.filter.protocols)).toBe(true);
  });

  it('lets a joining node be absent from the members and listen everywhere', () => {
    const { config } = parseConfig(
      bent((it) => {
        it.node = { id: 'fw4', join: true };
      }),
    );
    expect(config.node.listen).toEqual({ text: '0.0.0.0:7650', host: '0.0.0.0', port: 7650 });
  });

  it('accepts what the wiring may not know yet: groups, witness, tls, strict', () => {
    const text = bent((it) => {
      it.node['witness'] = true;
      it.peers = { tls: { ca: '/etc/ca', cert: '/etc/cert', key: '/etc/key' } };
      it.api = {
        listen: '0.0.0.0:7680',
        tls: { cert: '/etc/cert', key: '/etc/key' },
        tokensFile: '/etc/tokens',
      };
      const groups = [group('blue', { zones: [0] }), group('red', { prefixes: ['10.1.0.0/16'] })];
      it.vrrp = { mode: 'strict', groups };
    });
    const { config } = parseConfig(text);
    expect(config.vrrp?.groups.map((it) => it.select)).toEqual([
      { zones: [0], prefixes: [] },
      { zones: [], prefixes: ['10.1.0.0/16'] },
    ]);
    expect(config.api.tls).toEqual({ cert: '/etc/cert', key: '/etc/key', ca: null });
  });

  it('A6 a virtual address moves with the group that names it, or else whose prefixes have it', () => {
    const withGroups = (groups: unknown[]) =>
      parseConfig(
        bent((it) => {
          it.vrrp = { groups };
        }),
      );
    const blue = group('blue', { prefixes: ['192.168.1.100/32'] });
    const red = group('red', { prefixes: ['10.1.0.0/16'] });
    const derived = withGroups([blue, red]);
    const addresses = ({ config }: typeof derived) =>
      config.vrrp?.groups.map((it) => it.virtualAddresses);
    expect(addresses(derived)).toEqual([['192.168.1.100'], []]);
    expect(derived.warnings.at(-1)).toMatch(/^192\.168\.0\.100 moves with no group/);
    const named = withGroups([blue, { ...red, virtualAddresses: ['192.168.0.100'] }]);
    expect(addresses(named)).toEqual([['192.168.1.100'], ['192.168.0.100']]);
    expect(named.warnings).toEqual(derived.warnings.slice(0, -1));
    expect(addresses(withGroups([red]))).toEqual([['192.168.0.100', '192.168.1.100']]);
  });
});

describe('faults', () => {
  it('A6 a virtual address is named by one group, and is one', () => {
    const groups = [
      { ...group('blue', { zones: [1] }), virtualAddresses: ['192.168.0.100', '10.9.9.9'] },
      { ...group('red', { zones: [2] }), virtualAddresses: ['192.168.0.100'] },
    ];
    const faults = faultsOf(
      bent((it) => {
        it.vrrp = { groups };
      }),
    );
    expect(faults).toHaveLength(2);
    expect(faults[0]).toMatch(
      /^vrrp\.groups\[0\]\.virtualAddresses\[1\]: is 10\.9\.9\.9, no virtual/,
    );
    expect(faults[1]).toMatch(
      /^vrrp\.groups\[1\]\.virtualAddresses\[0\]: .*which group blue names/,
    );
  });

  it('are all named, one line each: ten faults give exactly ten clear lines', () => {
    const text = `cluster:
  name: "my cluster"
  members:
    - { id: fw1, address: "10.77.0.1:7650" }
    - { id: fw2, address: "fw2.example:7650" }
  timming: fast
  virtualAddresses: []
node:
  id: fw9
  dataDir: lib/raftwall
peers: {}
api:
  listen: "0.0.0.0:7680"
  tls: { cert: /etc/cert, key: /etc/key }
vrrp:
  mode: folow
  instance: { group: G1 }
capture:
  destroyHoldMs: -5
`;
    const lines = (() => {
      try {
        parseConfig(text);
        return [];
      } catch (error) {
        return (error as Error).message.split('\n');
      }
    })();
    expect(lines).toHaveLength(10);
    expect(lines.sort()).toEqual(
      [
        'cluster.name: is "my cluster"; allowed: 1 to 63 letters, digits, "-", "_" or ".", beginning with a letter or digit (line 2, column 3)',
        'cluster.members[1].address: is "fw2.example:7650"; allowed: an IP address with port such as 10.77.0.1:7650 or [fd00::1]:7650 (line 5, column 18)',
        'cluster.timming: is not a known key, did you mean timing?; allowed: name, members, timing, virtualAddresses (line 6, column 3)',
        'cluster.virtualAddresses: is missing, but vrrp is configured; allowed: the addresses that keepalived moves (line 7, column 3)',
        'node.dataDir: is "lib/raftwall"; allowed: an absolute path of at most 4095 bytes (line 10, column 3)',
        'node.id: is "fw9", which is not among cluster.members; allowed: fw1, fw2; or node.join: true for a node that joins later (line 9, column 3)',
        'peers: says neither insecure: true nor tls; allowed: either insecure: true or tls: { ca: FILE, cert: FILE, key: FILE } (line 11, column 1)',
        'api.tokensFile: is missing, but api.listen is 0.0.0.0:7680, which others can reach; allowed: api.tokensFile, or api.listen on 127.0.0.1 or [::1] (line 12, column 1)',
        'vrrp.mode: is "folow", did you mean follow?; allowed: follow, lead or strict (line 16, column 3)',
        'capture.destroyHoldMs: is -5; allowed: a whole number from 0 to 60000 (milliseconds) (line 19, column 3)',
      ].sort(),
    );
  });

  const one: [string, (config: Sample) => void, string][] = [
    ['a missing section', (it) => Reflect.deleteProperty(it, 'node'), 'node: is missing'],
    ['an empty section', (it) => Object.assign(it, { peers: null }), 'peers: is empty'],
    ['a list for a mapping', (it) => Object.assign(it, { node: [] }), 'node: is a list'],
    [
      'an unknown section',
      (it) => Object.assign(it, { vrpr: {} }),
      'vrpr: is not a known key, did you mean vrrp?',
    ],
    [
      'a repeated id',
      (it) => {
        it.cluster['members'] = [
          { id: 'fw1', address: '10.77.0.1:7650' },
          { id: 'fw1', address: '10.77.0.2:7650' },
        ];
      },
      'cluster.members[1].id: is "fw1", which stands there twice',
    ],
    [
      'a repeated address',
      (it) => {
        it.cluster['members'] = [
          { id: 'fw1', address: '10.77.0.1:7650' },
          { id: 'fw2', address: '10.77.0.1:7650' },
        ];
      },
      'cluster.members[1].address: is "10.77.0.1:7650", which stands there twice',
    ],
    [
      'a member on a virtual address',
      (it) => {
        it.cluster['virtualAddresses'] = ['10.77.0.3'];
      },
      'cluster.members[2].address: is 10.77.0.3:7650, a virtual address',
    ],
    [
      'an unknown timing',
      (it) => {
        it.cluster['timing'] = 'quick';
      },
      'cluster.timing: is "quick"; allowed: default, fast or slow',
    ],
    [
      'no members',
      (it) => {
        it.cluster['members'] = [];
      },
      'cluster.members: has 0 entries',
    ],
    [
      'both ways between peers',
      (it) => {
        it.peers['tls'] = { ca: '/a', cert: '/b', key: '/c' };
      },
      'peers: has both insecure: true and tls',
    ],
    [
      'incomplete peer certificates',
      (it) => {
        it.peers = { tls: { ca: '/a', cert: '/b' } };
      },
      'peers.tls.key: is missing',
    ],
    [
      'a socket path that the kernel cannot hold',
      (it) => {
        it.api['socket'] = `/${'x'.repeat(99)}`;
      },
      'api.socket: is',
    ],
    [
      'one port for peers and API',
      (it) => {
        it.node['listen'] = '127.0.0.1:7680';
      },
      'api.listen: is 127.0.0.1:7680, which is node.listen too',
    ],
    [
      'an instance with both names',
      (it) => {
        it.vrrp = { instance: { group: 'G', instance: 'I' } };
      },
      'vrrp.instance: names both',
    ],
    [
      'vrrp without anything that moves',
      (it) => {
        it.vrrp = {};
      },
      'vrrp.instance: is missing',
    ],
    [
      'groups beside an instance',
      (it) => {
        it.vrrp = { instance: { group: 'G' }, groups: [group('a')] };
      },
      'vrrp.instance: stands beside vrrp.groups',
    ],
    [
      'several groups without a selector',
      (it) => {
        it.vrrp = { groups: [group('a', { zones: [1] }), group('b')] };
      },
      'vrrp.groups[1].select: is missing',
    ],
    [
      'a selector of nothing',
      (it) => {
        it.vrrp = { groups: [group('a', { zones: [1] }), group('b', {})] };
      },
      'vrrp.groups[1].select: selects nothing',
    ],
    [
      'selectors with a common flow',
      (it) => {
        const [a, b] = [{ prefixes: ['10.0.0.0/8'] }, { prefixes: ['10.1.0.0/16'] }];
        it.vrrp = { groups: [group('a', a), group('b', b)] };
      },
      'vrrp.groups[1].select: takes 10.1.0.0/16, which group a takes too',
    ],
    [
      'the FIFO as track file',
      (it) => {
        it.vrrp = { instance: { group: 'G' }, fifo: '/x/y', trackFile: '/x/y' };
      },
      'vrrp.trackFile: is /x/y, which is vrrp.fifo too',
    ],
    [
      'a prefix with host bits',
      (it) => {
        it.capture['filter'] = { ignoreAddresses: ['10.1.2.3/8'] };
      },
      'capture.filter.ignoreAddresses[0]: is "10.1.2.3/8", which has bits set behind its prefix; allowed: 10.0.0.0/8',
    ],
    [
      'an unknown protocol',
      (it) => {
        it.capture['filter'] = { protocols: ['tpc'] };
      },
      'capture.filter.protocols[0]: is "tpc", did you mean tcp?',
    ],
    [
      'a protocol number that is none',
      (it) => {
        it.capture['filter'] = { protocols: [256] };
      },
      'capture.filter.protocols[0]: is 256; allowed: icmp, tcp,',
    ],
    [
      'an unknown TCP state',
      (it) => {
        it.capture['filter'] = { tcpStates: ['establisht'] };
      },
      'capture.filter.tcpStates[0]: is "establisht", did you mean established?',
    ],
    [
      'a mark with a mask that is too long',
      (it) => {
        it.capture['filter'] = { marks: ['0x1/0x1ffffffff'] };
      },
      'capture.filter.marks[0]: is "0x1/0x1ffffffff"; allowed: a mark such as',
    ],
    [
      'a mark beyond 32 bits',
      (it) => {
        it.capture['filter'] = { marks: [4_294_967_296] };
      },
      'capture.filter.marks[0]: is 4294967296; allowed: a mark such as',
    ],
    [
      'a zone that there cannot be',
      (it) => {
        it.capture['filter'] = { zones: [65_536] };
      },
      'capture.filter.zones[0]: is 65536; allowed: a whole number',
    ],
    [
      'a limit that is no number',
      (it) => {
        it.kernel['maxEntries'] = '1000000';
      },
      'kernel.maxEntries: is "1000000"; allowed: a whole number',
    ],
  ];

  it.each(one)('%s is one fault', (_name, bend, expected) => {
    const lines = faultsOf(bent(bend));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(expected);
  });

  it('of YAML itself carry their place', () => {
    expect(() => parseConfig('cluster: {\n  name: x\n')).toThrow(/\(file\): is not YAML: .*line/);
    expect(() => parseConfig('a: 1\na: 2\n')).toThrow(/unique.*line 2/);
    expect(() => parseConfig('')).toThrow('(file): is empty');
  });

  it('of a file that cannot be read name the file', async () => {
    await expect(readConfigFile('/nonexistent/raftwall.yaml')).rejects.toThrow(
      /\(file\): cannot be read: ENOENT.*\/nonexistent\/raftwall.yaml/,
    );
  });

  it('never come out as any other error, whatever the file holds', () => {
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.jsonValue().map((value) => stringify(value)),
    );
    fc.assert(
      fc.property(text, (input) => {
        expect(() => parseConfig(input)).toThrow(ConfigError);
      }),
      { numRuns: 300 },
    );
  });
});

describe('warnings', () => {
  const warningsOf = (bend: (config: Sample) => void) =>
    parseConfig(bent(bend)).warnings.join('\n');

  it('V10 two voters are warned of', () => {
    const members = sample().cluster['members'] as unknown[];
    expect(
      warningsOf((it) => {
        it.cluster['members'] = members.slice(0, 2);
      }),
    ).toContain('two voters');
    expect(warningsOf(() => {})).not.toContain('two voters');
  });

  it('V10 a witness is warned that it follows no VRRP, and that alone it serves nobody', () => {
    const witness = (it: Sample) => {
      it.node['witness'] = true;
    };
    expect(warningsOf(witness)).toContain('vrrp is not followed here');
    expect(warningsOf(witness)).not.toContain('nobody carries traffic');
    const members = sample().cluster['members'] as unknown[];
    const alone = (it: Sample) => {
      it.cluster['members'] = members.slice(0, 1);
    };
    expect(
      warningsOf((it) => {
        alone(it);
        witness(it);
      }),
    ).toContain('nobody carries traffic');
    expect(warningsOf(alone)).not.toMatch(/V10/);
  });

  it('V7 timers that do not fit the adverts are warned of', () => {
    const withAdvert = (timing: string, advertIntervalMs: number) => (it: Sample) => {
      it.cluster['timing'] = timing;
      it.vrrp = { instance: { group: 'G' }, advertIntervalMs };
    };
    expect(warningsOf(withAdvert('default', 233))).toContain('rule V7');
    expect(warningsOf(withAdvert('default', 234))).not.toContain('rule V7');
    expect(warningsOf(withAdvert('slow', 700))).toContain('rule V7');
    expect(warningsOf(withAdvert('slow', 701))).not.toContain('rule V7');
  });

  it('K6 a hold shorter than three adverts is warned of', () => {
    expect(
      warningsOf((it) => {
        it.vrrp = { instance: { group: 'G' }, advertIntervalMs: 334 };
      }),
    ).toContain('rule K6');
  });

  it('a track file in a volatile directory is warned of', () => {
    expect(
      warningsOf((it) => {
        it.vrrp = { instance: { group: 'G' }, trackFile: '/run/raftwall/ready' };
      }),
    ).toContain('/run/raftwall/ready is in a directory that may be removed');
  });
});

describe('a configuration file', () => {
  it('is read from disk', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'raftwall-config-'));
    try {
      const file = join(directory, 'raftwall.yaml');
      await writeFile(
        file,
        bent(() => {}),
      );
      expect((await readConfigFile(file)).config.cluster.name).toBe('edge');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
