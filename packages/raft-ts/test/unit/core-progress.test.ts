import { describe, expect, it } from 'vitest';
import { Inflights } from '../../src/core/inflights.ts';
import { Progress } from '../../src/core/progress.ts';

/** A member whose log is known up to `match`, and which the leader sends ahead up to before `next`. */
function replicating(match: number, next: number): Progress {
  const progress = new Progress(1, 0, new Inflights(10, 1000));
  progress.match = match;
  progress.becomeReplicate();
  for (let index = match + 1; index < next; index++) progress.inflights.add(index, 10);
  progress.next = next;
  return progress;
}

/** A member that is asked whether its log reaches to `next - 1`. */
function probing(match: number, next: number): Progress {
  const progress = new Progress(next, 0, new Inflights(10, 1000));
  progress.match = match;
  progress.probeSent = true;
  return progress;
}

describe('progress of a member', () => {
  it('begins as a probe of the whole log', () => {
    const progress = new Progress(7, 3, new Inflights(1, 1));
    expect(progress).toMatchObject({ state: 'probe', match: 0, next: 7, lastActiveTick: 3 });
    expect(progress).toMatchObject({ probeSent: false, pokeDue: false, sentCommit: 0 });
    expect(progress.needsSnapshot).toBe(false);
  });

  it('goes over to replication with the answer to the probe, also when it brings no news', () => {
    const news = probing(0, 5);
    expect(news.acknowledge(4, 0)).toBe(true);
    expect(news).toMatchObject({ state: 'replicate', match: 4, next: 5, probeSent: false });
    const same = probing(4, 5);
    expect(same.acknowledge(4, 0)).toBe(false);
    expect(same.state).toBe('replicate');
  });

  it('an answer to an older request leaves the probe as it is', () => {
    const progress = probing(4, 5);
    expect(progress.acknowledge(3, 0)).toBe(false);
    expect(progress).toMatchObject({ state: 'probe', match: 4, next: 5, probeSent: true });
  });

  it('an acknowledgement frees the window up to there and never sends again what arrived', () => {
    const progress = replicating(2, 6);
    expect(progress.acknowledge(4, 0)).toBe(true);
    expect(progress).toMatchObject({ match: 4, next: 6 });
    expect(progress.inflights.count).toBe(1);
    // Acknowledged beyond what was sent in this state: an earlier request has arrived.
    expect(progress.acknowledge(9, 0)).toBe(true);
    expect(progress).toMatchObject({ match: 9, next: 10 });
    expect(progress.acknowledge(9, 0)).toBe(false);
    expect(progress.acknowledge(3, 0)).toBe(false);
    expect(progress).toMatchObject({ match: 9, next: 10 });
  });

  it('a refusal while replicating goes back to probing behind what is known', () => {
    const progress = replicating(2, 6);
    progress.probeSent = true;
    progress.refuse(4, 3);
    expect(progress).toMatchObject({ state: 'probe', match: 2, next: 3, probeSent: false });
    expect(progress.inflights.count).toBe(0);
  });

  it('a refusal of what is known to be there is old', () => {
    const progress = replicating(2, 6);
    progress.refuse(2, 1);
    expect(progress).toMatchObject({ state: 'replicate', next: 6 });
    expect(progress.inflights.count).toBe(3);
  });

  it('a refused probe moves to where the logs may agree, never above it and never below the match', () => {
    const hinted = probing(0, 9);
    hinted.refuse(8, 4);
    expect(hinted).toMatchObject({ next: 5, probeSent: false });
    const hintless = probing(0, 9);
    hintless.refuse(8, 20);
    expect(hintless.next).toBe(8);
    const floored = probing(3, 9);
    floored.refuse(8, 0);
    expect(floored.next).toBe(4);
  });

  it('a refusal of another probe than the one under way has no effect', () => {
    const progress = probing(0, 9);
    progress.refuse(7, 2);
    expect(progress).toMatchObject({ next: 9, probeSent: true });
  });

  it('an unreachable member is probed from what is known', () => {
    const progress = replicating(2, 6);
    progress.becomeProbe();
    expect(progress).toMatchObject({ state: 'probe', next: 3, probeSent: false });
    expect(progress.inflights.count).toBe(0);
  });

  it('one that waits for a snapshot hears nothing but that, until it has reached the log', () => {
    const progress = replicating(2, 6);
    progress.becomeSnapshot();
    expect(progress.needsSnapshot).toBe(true);
    expect(progress.inflights.count).toBe(0);
    progress.refuse(8, 4);
    expect(progress.state).toBe('snapshot');
    progress.acknowledge(4, 5);
    expect(progress).toMatchObject({ state: 'snapshot', match: 4 });
    progress.acknowledge(5, 5);
    expect(progress).toMatchObject({ state: 'replicate', match: 5, next: 6, pendingSnapshot: 0 });
    expect(progress.needsSnapshot).toBe(false);
  });

  it('a snapshot that arrived is probed behind, one that failed from what was known', () => {
    for (const [isSent, next] of [
      [true, 10],
      [false, 3],
    ] as const) {
      const progress = replicating(2, 6);
      progress.becomeSnapshot();
      progress.pendingSnapshot = 9;
      progress.isSnapshotRequested = true;
      progress.snapshotEnded(isSent);
      expect(progress).toMatchObject({ state: 'probe', next, isSnapshotRequested: false });
      // Not before the next sign of life.
      expect(progress.probeSent).toBe(true);
      expect(progress.pendingSnapshot).toBe(isSent ? 9 : 0);
    }
  });

  it('the report of a snapshot that the answer has overtaken changes nothing more', () => {
    const progress = replicating(9, 12);
    progress.wantedSnapshot = 1;
    progress.isSnapshotRequested = true;
    progress.pendingSnapshot = 8;
    expect(progress.needsSnapshot).toBe(true);
    progress.snapshotEnded(true);
    expect(progress).toMatchObject({ state: 'replicate', next: 12, isSnapshotRequested: false });
    expect(progress.needsSnapshot).toBe(false);
    // Else the leader's log could never be cut beyond it again.
    expect(progress.pendingSnapshot).toBe(0);
  });
});
