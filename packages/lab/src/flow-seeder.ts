import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plan } from './address-plan.ts';
import type { Namespace } from './namespace.ts';

const PORTS_PER_SOURCE = 50_000;

/**
 * Puts established TCP flows of other hosts into a firewall's kernel, by `conntrack --load-file`.
 * Every second one is translated as rule 6 does it.
 * @param directory a file of about 200 bytes a flow is made there, and removed
 */
export async function seedFlows(
  namespace: Namespace,
  options: { readonly count: number; readonly directory: string },
): Promise<void> {
  const file = join(options.directory, `seed-${process.pid}.txt`);
  writeFileSync(file, Array.from({ length: options.count }, (_, i) => seedLine(i)).join(''));
  try {
    await namespace.exec('conntrack', ['--load-file', file], { timeoutMs: 120_000 });
  } finally {
    rmSync(file, { force: true });
  }
}

function seedLine(i: number): string {
  const source = `10.50.0.${1 + Math.floor(i / PORTS_PER_SOURCE)}`;
  const port = 10_000 + (i % PORTS_PER_SOURCE);
  // One destination port for each source keeps the translated tuples apart.
  const service = 10_000 + Math.floor(i / PORTS_PER_SOURCE);
  const nat = i % 2 === 0 ? '' : ` --src-nat ${plan.virtualRight}:${port}`;
  return (
    `-I -p tcp -s ${source} -d ${plan.hostB} --sport ${port} --dport ${service}` +
    ` --state ESTABLISHED --status ASSURED,SEEN_REPLY --timeout 86400${nat}\n`
  );
}
