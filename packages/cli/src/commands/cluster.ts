import type { MemberChange } from '@raftwall/admin-api/client';
import type { Run } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { membersText } from '../output/status-text.ts';
import { jsonText, table } from '../output/table.ts';

/** `members`. */
export const members: Run = async ({ client, terminal, json }) => {
  const list = await client.members();
  await terminal.out(json ? jsonText(list) : membersText(list));
  return EXIT.done;
};

/** `members add|promote|remove`: returns when the change is committed. */
export function changeMembers(change: MemberChange): Run {
  return async ({ client, terminal, json }) => {
    const list = await client.changeMembers(change);
    await terminal.out(json ? jsonText(list) : membersText(list));
    return EXIT.done;
  };
}

/** `config`: what is in force. */
export const config: Run = async ({ client, terminal }) => {
  await terminal.out(jsonText(await client.config()));
  return EXIT.done;
};

/** `activations`: who became active when, and who was refused. */
export const activations: Run = async ({ client, terminal, json }) => {
  const list = await client.activations();
  const rows = list.map((it) => [
    String(it.index),
    it.group,
    String(it.epoch),
    it.node,
    it.accepted ? 'accepted' : `refused: ${it.refusedReason ?? 'no reason given'}`,
  ]);
  const heading = ['INDEX', 'GROUP', 'EPOCH', 'NODE', 'OUTCOME'];
  await terminal.out(json ? jsonText(list) : table(heading, rows));
  return EXIT.done;
};

/** `drain`: returns when another node carries the traffic. */
export const drain: Run = async ({ client, terminal, json }) => {
  await client.drain();
  const text = 'drained: it carries nothing until `raftwall undrain` or its restart\n';
  await terminal.out(json ? jsonText({ drained: true }) : text);
  return EXIT.done;
};

/** `undrain`. */
export const undrain: Run = async ({ client, terminal, json }) => {
  await client.undrain();
  const text = 'no longer drained; `raftwall status --wait-ready` tells when it is ready\n';
  await terminal.out(json ? jsonText({ drained: false }) : text);
  return EXIT.done;
};

/** `transfer NODE`: returns when the target leads. */
export function transfer(target: string): Run {
  return async ({ client, terminal, json }) => {
    await client.transfer(target);
    await terminal.out(json ? jsonText({ target }) : `${target} leads now\n`);
    return EXIT.done;
  };
}
