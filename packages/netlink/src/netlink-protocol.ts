/** Numbers of the netlink protocol family itself (linux/netlink.h, linux/nfnetlink.h, asm-generic/socket.h). */

export const AF_NETLINK = 16;
export const AF_INET = 2;
export const AF_INET6 = 10;

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** nlmsghdr: length u32, type u16, flags u16, sequence u32, port id u32. */
export const MESSAGE_HEADER_BYTES = 16;
/** nfgenmsg: family u8, version u8, resource id be16. */
export const NFGEN_HEADER_BYTES = 4;

export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x01;
export const NLM_F_MULTI = 0x02;
export const NLM_F_ACK = 0x04;
/** The table changed while it was dumped: entries may be missing or doubled. */
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

export const NLA_F_NESTED = 0x8000;
/** Strips NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
export const NLA_TYPE_MASK = 0x3fff;
