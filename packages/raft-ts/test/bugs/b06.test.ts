import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench, ofKind } from '../unit/core-bench.ts';

describe('B6 the match index follows the length of a foreign log', () => {
  it('follows what was sent, never the length of a foreign log', () => {
    const follower = new CoreBench({ log: [1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2] });
    const [answer] = ofKind(follower.step(appendOf('b', 3, [7, 1], [])), 'append-response');
    expect(answer).toMatchObject({ success: true, index: 7 });
    const leader = new CoreBench({ log: [1, 1, 1, 1, 1, 1, 1] }).lead('b');
    const beat = { kind: 'heartbeat-response', from: 'c', to: 'a', readRound: 0 } as const;
    leader.step({ ...beat, term: leader.core.state.term });
    expect(leader.core.members().find((m) => m.id === 'c')?.matchIndex).toBe(0);
  });
});
