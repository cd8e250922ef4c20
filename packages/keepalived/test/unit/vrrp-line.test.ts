import { describe, expect, it } from 'vitest';
import { LineSplitter } from '../../src/line-splitter.ts';
import { parseVrrpLine } from '../../src/vrrp-line.ts';

describe('parseVrrpLine', () => {
  it('reads instance and group lines', () => {
    expect(parseVrrpLine('INSTANCE "VI_in" MASTER 120')).toEqual({
      subject: 'INSTANCE',
      name: 'VI_in',
      state: 'MASTER',
      priority: 120,
    });
    expect(parseVrrpLine('GROUP "G1" BACKUP 0')?.state).toBe('BACKUP');
  });

  it('takes notices for the state that they name', () => {
    expect(parseVrrpLine('INSTANCE "a b" MASTER_RX_LOWER_PRI 1')?.state).toBe('MASTER');
    expect(parseVrrpLine('INSTANCE "V" BACKUP_PRIORITY 1')?.state).toBe('BACKUP');
    expect(parseVrrpLine('INSTANCE "V" DELETED 0')?.state).toBe('STOP');
  });

  it.each([
    '',
    'INSTANCE "V" MASTER',
    'INSTANCE V MASTER 1',
    'VRRP "V" MASTER 1',
    'INSTANCE "V" KING 1',
    'INSTANCE "V" toString 1',
    'INSTANCE "V" MASTER 256',
    'INSTANCE "V" MASTER 1 2',
  ])('refuses %j', (text) => {
    expect(parseVrrpLine(text)).toBeNull();
  });
});

describe('LineSplitter', () => {
  it('joins lines that are split over reads', () => {
    const splitter = new LineSplitter();
    expect(splitter.push(Buffer.from('GROUP "G1" MAS'))).toEqual([]);
    expect(splitter.push(Buffer.from('TER 0\nINSTANCE'))).toEqual(['GROUP "G1" MASTER 0']);
    expect(splitter.push(Buffer.from(' "V" FAULT 1\n\n'))).toEqual(['INSTANCE "V" FAULT 1', '']);
  });

  it('forgets a line without end and goes on with the next one', () => {
    const splitter = new LineSplitter();
    for (let i = 0; i < 100; i += 1) expect(splitter.push(Buffer.alloc(100, 120))).toEqual([]);
    expect(splitter.push(Buffer.from('tail\nGROUP "G1" MASTER 0\n'))).toEqual([
      '',
      'GROUP "G1" MASTER 0',
    ]);
  });
});
