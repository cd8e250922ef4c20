/** What raftwall does instead of a statement of conntrackd that has no equivalent, by its keyword. */
export const withoutEquivalent: Readonly<Record<string, string>> = {
  PollSecs:
    'makes conntrackd poll the kernel and ignore its events, which few who set it want; raftwall always listens to events, and compares kernel and table in the background',
  CommitTimeout:
    'standbys have every flow in their kernels already and hold it until the active firewall says that it has ended; after a takeover the timers are set right (rule K14)',
  PurgeTimeout:
    'nothing has to be purged: a firewall that is no longer active follows the table, and what the table lacks goes when it is level (rule K10)',
  RefreshTime: 'only changes are sent; members that were away get a snapshot and the log',
  CacheTimeout: 'a flow leaves the table when the active firewall says that it has ended',
  ResendQueueSize: 'the replicated log is the queue; see node.raftLog for its size',
  ResendBufferSize: 'the replicated log is the queue; see node.raftLog for its size',
  ACKWindowSize: 'Raft acknowledges by itself',
  DisableExternalCache:
    'raftwall always keeps both: a table, and the flows in the kernels of the standbys, as conntrackd does with this switched on',
  DisableInternalCache: 'the table is what members agree on and cannot be switched off',
  StartupResync: 'a member that starts is always brought level before it is ready',
  Multicast: 'members talk over TCP (peers); the group is not needed',
  UDP: 'members talk over TCP (peers), to all others at once',
  TCP: 'members talk over TCP (peers) with a port of their own',
  Interface: 'members are reached by address; the routing table decides on the interface',
  SndSocketBuffer: 'the kernel sizes the buffers of TCP by itself',
  RcvSocketBuffer: 'the kernel sizes the buffers of TCP by itself',
  Checksum: 'every message has a checksum, and with peers.tls is authentic too',
  ErrorQueueLength: 'there is none: TCP connections are made anew, and the log sends again',
  Group: 'a port of multicast',
  Port: 'the port of the members stands in cluster.members',
  Systemd: 'raftwalld always tells systemd when it is up, and serves its watchdog',
  Nice: 'set Nice= in the systemd unit',
  Scheduler: 'set CPUSchedulingPolicy= in the systemd unit',
  HashSize: 'the table grows and shrinks by itself',
  HashLimit:
    'was a limit of a cache; the table is limited by what the kernels can hold (nf_conntrack_max, kernel.maxEntries)',
  LogFile: 'raftwalld logs to stderr, which systemd keeps (journalctl -u raftwalld)',
  Syslog: 'raftwalld logs to stderr; journald hands it on to syslog where that is configured',
  LockFile: 'not needed: a second daemon finds the data directory in use',
  UNIX: 'the socket has another protocol; raftwall finds it at api.socket',
  NetlinkOverrunResync: 'an overrun always ends in a paced comparison of kernel and table',
  NetlinkEventsReliable:
    'is not used: it would hold packets back under load (rule K3); lost events are found by comparison',
  EventIterationLimit: 'work is done in short slices always',
  Stats:
    'raftwall writes no log of ended flows; use `conntrack -E -e DESTROY`, or ulogd2, on the active firewall',
  Helper:
    'helpers in user space are no part of replication: keep a conntrackd with only this section for them. What helpers expect is replicated, wherever they run',
};

/** What the modes of conntrackd were, and what there is instead. */
export const modeNotes: Readonly<Record<string, string>> = {
  ftfw: 'every change is in the log of a majority before it counts, for any number of members',
  notrack: 'there is no mode without acknowledgement: the log is always reliable',
  alarm: 'there is no mode of regular repetition: the log is always reliable',
};
