import { ClusterPki, type PemFiles } from '../cluster-pki.ts';
import type { Run } from '../context.ts';
import { UsageError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { jsonText } from '../output/table.ts';

/** `pki create DIRECTORY CLUSTER`. */
export function createAuthority(directory: string, cluster: string, days: string): Run {
  return made(() => new ClusterPki(directory).create(cluster, daysOf(days)));
}

/** `pki issue DIRECTORY NODE`. */
export function issueCertificate(directory: string, node: string, days: string): Run {
  return made(() => new ClusterPki(directory).issue(node, daysOf(days)));
}

function made(make: () => Promise<PemFiles>): Run {
  return async ({ terminal, json }) => {
    const files = await make();
    const text = `certificate ${files.certificate}\nkey         ${files.key}\n`;
    await terminal.out(json ? jsonText(files) : text);
    return EXIT.done;
  };
}

function daysOf(text: string): number {
  const days = Number(text);
  if (Number.isSafeInteger(days) && days >= 1 && days <= 36_500) return days;
  throw new UsageError(`--days wants a whole number of days, not ${text}`);
}
