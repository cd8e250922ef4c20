#!/usr/bin/env bash
# Makes this machine able to build raftwall and to run its lab: Debian packages, npm packages, the
# build, and a look at what the kernel can do. It may be run again at any time.
set -euo pipefail
cd "$(dirname "$0")/.."

# command -> Debian package
declare -A NEEDED=(
  [ip]=iproute2 [sysctl]=procps [keepalived]=keepalived [conntrack]=conntrack
  [iptables]=iptables [nft]=nftables [sshd]=openssh-server [ssh]=openssh-client
  [openssl]=openssl [perl]=perl [promtool]=prometheus [faketime]=faketime
  [prlimit]=util-linux [mount]=mount [tc]=iproute2
)
PATH="$PATH:/usr/sbin:/sbin"

say() { printf '[setup] %s\n' "$*"; }
fail() {
  printf '[setup] %s\n' "$*" >&2
  exit 1
}

check_node() {
  command -v node >/dev/null || fail 'node is missing: Node.js 20.19 or newer is needed'
  node -e 'const [a, b] = process.versions.node.split(".").map(Number);
    process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "Node.js $(node --version) is too old: 20.19 or newer is needed"
}

install_debian_packages() {
  local command missing=()
  for command in "${!NEEDED[@]}"; do
    command -v "$command" >/dev/null || missing+=("${NEEDED[$command]}")
  done
  if ((${#missing[@]} == 0)); then
    say 'Debian packages: all there'
    return
  fi
  command -v apt-get >/dev/null ||
    fail "these are missing, and there is no apt-get to install them: ${missing[*]}"
  say "Debian packages: installing ${missing[*]}"
  apt-get update -qq
  # In a subshell: its exit takes the policy away, also after an error.
  (
    keep_services_stopped
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      "${missing[@]}" >/dev/null
  )
}

# The lab runs its own keepalived and sshd; those of the packages are not to start.
keep_services_stopped() {
  local policy=/usr/sbin/policy-rc.d
  [[ -e $policy ]] && return
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

install_npm_packages() {
  if [[ -e node_modules/.package-lock.json && ! package-lock.json -nt node_modules/.package-lock.json ]]; then
    say 'npm packages: all there'
    return
  fi
  say 'npm packages: npm ci'
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
}

build() {
  say 'building'
  npm run --silent build
}

# Tries what the lab does, in namespaces of its own.
check_kernel() {
  local probe
  probe="rw$(od -An -N2 -tx1 /dev/urandom | tr -d ' \n')-probe"
  ip netns add "$probe" 2>/dev/null ||
    fail 'this kernel or container makes no network namespaces (CONFIG_NET_NS, CAP_SYS_ADMIN)'
  # shellcheck disable=SC2064
  trap "ip netns delete $probe; rm -f /tmp/$probe" EXIT
  attempt "$probe" 'bridges (CONFIG_BRIDGE)' ip link add br0 type bridge
  attempt "$probe" 'veth pairs (CONFIG_VETH)' ip link add v0 type veth peer name v1
  attempt "$probe" 'connection tracking over netlink (CONFIG_NF_CT_NETLINK)' conntrack -L
  attempt "$probe" 'iptables with -m state' \
    iptables -A FORWARD -m state --state INVALID -j LOG
  attempt "$probe" 'source NAT by iptables' \
    iptables -t nat -A POSTROUTING -s 192.0.2.1 -j SNAT --to 192.0.2.2
  attempt "$probe" 'IPv6 source NAT by ip6tables' \
    ip6tables -t nat -A POSTROUTING -s 2001:db8::1 -j SNAT --to 2001:db8::2
  attempt "$probe" 'nf_conntrack_tcp_loose per namespace' \
    sysctl -q -w net.netfilter.nf_conntrack_tcp_loose=0
  ip netns delete "$probe"
  rm -f "/tmp/$probe"
  trap - EXIT
  say 'kernel: namespaces, bridges, connection tracking and NAT work'
}

attempt() {
  local probe=$1 what=$2
  shift 2
  ip netns exec "$probe" "$@" >"/tmp/$probe" 2>&1 ||
    fail "the kernel lacks what the lab needs: $what; \"$*\" says: $(tail -n 1 "/tmp/$probe")"
}

[[ $(id -u) -eq 0 ]] || fail 'root is needed: the lab makes network namespaces (run it with sudo)'
check_node
install_debian_packages
install_npm_packages
build
check_kernel
