import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FlowAttribute } from '@raftwall/flow-table';
import { ConntrackAttribute } from '@raftwall/netlink';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(root, 'docs/internals/attributes.md'), 'utf8');

/** Cells of the rows of the page's first table. */
const rows = page
  .slice(page.indexOf('| attribute'))
  .split('\n\n')[0]!
  .split('\n')
  .slice(2)
  .map((line) => line.split('|').map((cell) => cell.trim()));

describe('docs/internals/attributes.md', () => {
  it('has every attribute of a flow, in the order of the bits', () => {
    expect(rows.map((cells) => cells[1])).toEqual(Object.keys(FlowAttribute));
    expect(FlowAttribute).toEqual(ConntrackAttribute);
  });

  it('says of each whether an update carries it, as the code does', () => {
    const source = readFileSync(join(root, 'packages/daemon/src/netlink-kernel.ts'), 'utf8');
    const changeable = /const changeable =([^;]*);/.exec(source)?.[1] ?? '';
    const named = [...changeable.matchAll(/FlowAttribute\.(\w+)/g)].map((match) => match[1]);
    const said = rows.filter((cells) => cells[5] === 'yes').map((cells) => cells[1]);
    expect(said.sort()).toEqual(named.sort());
    expect(rows.every((cells) => cells[4] === 'yes')).toBe(true);
  });
});
