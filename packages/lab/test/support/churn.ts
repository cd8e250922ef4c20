import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type Cluster, type Firewall, waitFor } from '../../src/index.ts';
import { tablesAgree } from './tables.ts';

const SCRIPT = fileURLToPath(new URL('./churn.mjs', import.meta.url));
/** Source of all flows that {@link churn} makes. */
export const CHURN_SOURCE = '10.60.0.1';

export interface ChurnOptions {
  readonly perSecond: number;
  readonly seconds: number;
  /** How long a flow lives; 0: until the end. */
  readonly lifeMs: number;
  /** Flows that nobody answers, as a flood from forged sources makes them. */
  readonly unreplied?: boolean;
}

/** Makes and ends flows in a firewall's kernel. @returns how many it made, and ended by itself */
export async function churn(
  firewall: Firewall,
  { perSecond, seconds, lifeMs, unreplied = false }: ChurnOptions,
): Promise<{ made: number; ended: number }> {
  const args = [SCRIPT, String(perSecond), String(seconds), String(lifeMs)];
  if (unreplied) args.push('unreplied');
  const child = firewall.namespace.spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout!.on('data', (chunk) => {
    text += chunk;
  });
  await once(child, 'close');
  expect(text, 'the churn has ended too early').toMatch(/^\{.*\}\n$/);
  return JSON.parse(text);
}

/** Waits until the kernels agree on the flows of the churn, and the tables on the number of all flows. */
export async function allAgree(cluster: Cluster, timeoutMs: number): Promise<void> {
  await tablesAgree(cluster, { source: CHURN_SOURCE, timeoutMs });
  await waitFor(
    'the tables have equally many flows, as many as the kernel of the holder at most',
    async () => {
      const all = await cluster.statuses();
      const sizes = [...all.values()].map(({ flows }) => flows);
      const kernel = await cluster.holder!.kernelFlowCount();
      const isEqual = all.size === cluster.powered.length && new Set(sizes).size === 1;
      if (isEqual && sizes[0]! <= kernel) return true;
      throw new Error(`tables ${sizes}, kernel of the holder ${kernel}`);
    },
    { timeoutMs: 10_000, intervalMs: 250 },
  );
}

/** Memory of a process in MiB. */
export function residentMebibytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}
