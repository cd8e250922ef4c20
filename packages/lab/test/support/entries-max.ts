import { readFileSync, writeFileSync } from 'node:fs';

const SETTING = '/proc/sys/net/netfilter/nf_conntrack_max';

/** Runs `scenario` with room for so many entries in every kernel: the limit is one for all namespaces of a machine. */
export async function entriesMax(entries: number, scenario: () => Promise<void>): Promise<void> {
  const before = readFileSync(SETTING, 'latin1');
  if (Number(before) < entries) writeFileSync(SETTING, String(entries));
  try {
    await scenario();
  } finally {
    writeFileSync(SETTING, before);
  }
}
