import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AdminClient,
  type Readiness,
  RefusedError,
  UnreachableError,
} from '@raftwall/admin-api/client';
import type { Run } from '../context.ts';
import { UsageError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { statusText } from '../output/status-text.ts';
import { jsonText } from '../output/table.ts';

/** Between two looks at a node that is not ready: short beside an election, long beside a request. */
const POLL_MS = 100;

/** `status`: what the node knows of itself. */
export const status: Run = async ({ client, terminal, json }) => {
  const answer = await client.status();
  await terminal.out(json ? jsonText(answer) : statusText(answer, terminal));
  return EXIT.done;
};

/** Prints what needs no daemon. */
export function printText(text: string): Run {
  return async ({ terminal }) => {
    await terminal.out(text);
    return EXIT.done;
  };
}

/** `status --wait-ready SECONDS`: the same once the node is ready; 4 if that takes longer. */
export function statusWhenReady(seconds: string): Run {
  const limitSeconds = Number(seconds);
  if (seconds.trim() === '' || !Number.isFinite(limitSeconds) || limitSeconds < 0) {
    throw new UsageError(`--wait-ready wants a number of seconds, not ${seconds}`);
  }
  return async (context) => {
    const { ready, reason } = await waitReady(context.client, limitSeconds * 1000);
    if (ready) return await status(context);
    context.terminal.err(`raftwall: not ready after ${limitSeconds} s: ${reason}\n`);
    return EXIT.notReady;
  };
}

/** @throws {UnreachableError} If nobody answered at all by the deadline: a daemon that starts may take a while to listen. */
async function waitReady(client: AdminClient, limitMs: number): Promise<Readiness> {
  const deadlineMs = performance.now() + limitMs;
  for (;;) {
    const readiness = await client.readiness().catch((error: unknown) => error);
    const isOver = performance.now() + POLL_MS > deadlineMs;
    if (readiness instanceof Error) {
      const mayPass = readiness instanceof UnreachableError || isRateLimit(readiness);
      if (isOver || !mayPass) throw readiness;
    } else if (isOver || (readiness as Readiness).ready) {
      return readiness as Readiness;
    }
    await sleep(POLL_MS);
  }
}

function isRateLimit(error: Error): boolean {
  return error instanceof RefusedError && error.problem === 'rate-limited';
}
