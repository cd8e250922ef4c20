/** What a word has to be. */
interface WordRule {
  /** For people: follows "wants". */
  readonly name: string;
  readonly test: RegExp;
}

/** One way to write a statement: words, and a block or not. */
interface Form {
  readonly words: readonly WordRule[];
  readonly body?: Body;
}

/** What a block holds: statements, or mere words. */
export type Body =
  | { readonly statements: Readonly<Record<string, readonly Form[]>> }
  | { readonly items: WordRule };

const word = (name: string, test: RegExp): WordRule => ({ name, test });
const literal = (text: string): WordRule => word(text, new RegExp(`^${text}$`, 'i'));

const number = word('a number', /^\d+$/);
const signed = word('a number', /^-?\d+$/);
const flag = word('on or off', /^(on|off|yes|no)$/i);
const path = word('an absolute path', /^\/\S*$/);
const name = word('a name', /^[a-z_][\w.:@-]*$/i);
const ipv4 = word('an IPv4 address', /^\d{1,3}(\.\d{1,3}){3}(\/\d{1,2})?$/);
const ipv6 = word('an IPv6 address', /^[0-9a-f:.]*:[0-9a-f:.]*(\/\d{1,3})?$/i);
const protocol = word('a protocol', /^[a-z][\w.+-]*$/i);
const acceptOrIgnore = word('Accept or Ignore', /^(accept|ignore)$/i);

const one = (rule: WordRule): readonly Form[] => [{ words: [rule] }];
const block = (body: Body, ...words: readonly WordRule[]): Form => ({ words, body });
const statements = (rules: Readonly<Record<string, readonly Form[]>>): Body => ({
  statements: rules,
});

const log = {
  LogFile: [...one(flag), ...one(path)],
  Syslog: [...one(flag), ...one(word('a facility', /^(daemon|local[0-7])$/i))],
};

const addresses = statements({ IPv4_address: one(ipv4), IPv6_address: one(ipv6) });

const filter = statements({
  Protocol: [block({ items: protocol }, acceptOrIgnore)],
  Address: [block(addresses, acceptOrIgnore)],
  State: [block({ items: word('a state of TCP, or for TCP', /^[a-z]\w*$/i) }, acceptOrIgnore)],
});

const general = statements({
  ...log,
  Systemd: one(flag),
  Nice: one(signed),
  Scheduler: [
    block(statements({ Type: one(word('RR or FIFO', /^(rr|fifo)$/i)), Priority: one(number) })),
  ],
  HashSize: one(number),
  HashLimit: one(number),
  LockFile: one(path),
  UNIX: [block(statements({ Path: one(path), Backlog: one(number) }))],
  NetlinkBufferSize: one(number),
  NetlinkBufferSizeMaxGrowth: one(number),
  // Names of old.
  NetlinkBufferSizeMaxGrown: one(number),
  SocketBufferSize: one(number),
  SocketBufferSizeMaxGrown: one(number),
  SocketBufferSizeMaxGrowth: one(number),
  NetlinkOverrunResync: [...one(flag), ...one(number)],
  NetlinkEventsReliable: one(flag),
  EventIterationLimit: one(number),
  PollSecs: one(number),
  Filter: [
    block(filter, literal('From'), word('Userspace or Kernelspace', /^(user|kernel)space$/i)),
    block(filter),
  ],
});

const timers = { CommitTimeout: one(number), PurgeTimeout: one(number) };
const caches = { DisableExternalCache: one(flag), StartupResync: one(flag) };
const alarm = { RefreshTime: one(number), CacheTimeout: one(number), ...timers };
const queue = {
  ResendQueueSize: one(number),
  ResendBufferSize: one(number),
  ACKWindowSize: one(number),
};

const buffers = {
  Interface: one(name),
  SndSocketBuffer: one(number),
  RcvSocketBuffer: one(number),
  Checksum: one(flag),
};

const multicast = statements({
  ...buffers,
  IPv4_address: one(ipv4),
  IPv6_address: one(ipv6),
  IPv4_interface: one(ipv4),
  IPv6_interface: [...one(ipv6), ...one(ipv4)],
  Group: one(number),
});

const unicast = {
  ...buffers,
  IPv4_address: one(ipv4),
  IPv6_address: one(ipv6),
  IPv4_Destination_Address: one(ipv4),
  IPv6_Destination_Address: one(ipv6),
  Port: one(number),
};

const link = (body: Body): readonly Form[] => [block(body, literal('Default')), block(body)];

const sync = statements({
  Mode: [
    block(statements({ ...queue, ...timers, ...caches }), literal('FTFW')),
    block(
      statements({ ...timers, ...caches, DisableInternalCache: one(flag) }),
      literal('NOTRACK'),
    ),
    block(statements(alarm), literal('ALARM')),
  ],
  ...alarm,
  Multicast: link(multicast),
  UDP: link(statements(unicast)),
  TCP: link(statements({ ...unicast, ErrorQueueLength: one(number) })),
  Options: [
    block(
      statements({
        TCPWindowTracking: one(flag),
        ExpectationSync: [block({ items: name }), ...one(flag), ...one(name)],
      }),
    ),
  ],
});

const helper = statements({
  Type: [
    block(
      statements({
        QueueNum: one(number),
        QueueLen: one(number),
        Policy: [
          block(statements({ ExpectMax: one(number), ExpectTimeout: one(number) }), name),
          block(statements({ ExpectMax: one(number), ExpectTimeout: one(number) })),
        ],
      }),
      name,
      word('inet or inet6', /^inet6?$/i),
      protocol,
    ),
  ],
});

/** The whole of conntrackd.conf(5) of conntrack-tools 1.4.7, with the names of old that it still takes. */
export const conntrackdGrammar: Body = statements({
  General: [block(general)],
  Sync: [block(sync)],
  Stats: [block(statements({ ...log, NetlinkEventsReliable: one(flag) }))],
  Helper: [block(helper)],
});

export type { Form, WordRule };
