import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeStatus } from '@raftwall/admin-api/client';
import type { Run } from '../context.ts';
import { UsageError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { membersText } from '../output/status-text.ts';
import { jsonText } from '../output/table.ts';

const POLL_MS = 200;

/** `members add NODE ADDRESS --wait SECONDS`: adds it, says how far it has come, and returns when it is level; 4 if that takes longer. */
export function addMemberAndWait(id: string, address: string, seconds: string): Run {
  const limitSeconds = Number(seconds);
  if (seconds.trim() === '' || !(limitSeconds >= 0)) {
    throw new UsageError(`--wait wants a number of seconds, not ${seconds}`);
  }
  return async ({ client, terminal, json }) => {
    await client.changeMembers({ kind: 'add', id, address });
    const goalIndex = (await client.status()).commitIndex;
    const deadlineMs = performance.now() + limitSeconds * 1000;
    for (let shown = ''; ; await sleep(POLL_MS)) {
      const status = await client.status();
      const { isLevel, text } = progressOf(id, goalIndex, status);
      if (text !== shown) terminal.err(`${text}\n`);
      shown = text;
      if (isLevel) {
        await terminal.out(json ? jsonText(status.members) : membersText(status.members));
        return EXIT.done;
      }
      if (performance.now() > deadlineMs || terminal.stopped.aborted) {
        terminal.err(`raftwall: ${id} is not level after ${limitSeconds} s\n`);
        return EXIT.notReady;
      }
    }
  };
}

/** How far a new member has come towards the log index that was committed when it was added. */
function progressOf(
  id: string,
  goalIndex: number,
  { members }: NodeStatus,
): { isLevel: boolean; text: string } {
  const member = members.find((one) => one.id === id);
  if (member === undefined) return { isLevel: false, text: `${id} is no member (any more)` };
  const { matchIndex, reachable, level, witness } = member;
  if (matchIndex === null || matchIndex === 0) {
    return { isLevel: false, text: `${id} ${reachable ? 'is connected' : 'is waited for'}` };
  }
  if (matchIndex < goalIndex) {
    return { isLevel: false, text: `${id} has the log up to ${matchIndex} of ${goalIndex}` };
  }
  if (!level && !witness)
    return { isLevel: false, text: `${id} has the log, its kernel is filled` };
  return { isLevel: true, text: `${id} is level` };
}
