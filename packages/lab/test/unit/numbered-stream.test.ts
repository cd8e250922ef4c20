import { describe, expect, it } from 'vitest';
import { NumberedStream } from '../../src/index.ts';

function streamAt(clock: { ms: number }): NumberedStream {
  return new NumberedStream(() => clock.ms);
}

describe('NumberedStream', () => {
  it('survives only by a number that was sent after the mark', () => {
    const stream = streamAt({ ms: 0 });
    stream.next();
    stream.next();
    stream.mark();
    stream.take('1\n2\n');
    expect(stream.report()).toMatchObject({ survived: false, fault: null });
    stream.next();
    stream.take('3');
    expect(stream.survived).toBe(false);
    stream.take('\n');
    expect(stream.report()).toMatchObject({ survived: true, echoed: 3 });
  });

  it.each([
    ['a loss', '2\n'],
    ['a duplicate', '1\n1\n'],
    ['a number never sent', '1\n2\n3\n4\n'],
    ['rubbish', 'x\n'],
  ])('takes %s for a fault, for good', (_what, text) => {
    const stream = streamAt({ ms: 0 });
    for (let i = 0; i < 3; i += 1) stream.next();
    stream.take(text);
    expect(stream.fault).toMatch(/came back instead of/);
    stream.mark();
    stream.take(stream.next());
    expect(stream.survived).toBe(false);
  });

  it('takes the end of the stream for a fault, and keeps the first one', () => {
    const stream = streamAt({ ms: 0 });
    stream.fail('ECONNRESET');
    stream.fail('closed');
    expect(stream.report().fault).toBe('ECONNRESET');
  });

  it('measures the longest gap since the mark, and one that goes on', () => {
    const clock = { ms: 0 };
    const stream = streamAt(clock);
    clock.ms = 500;
    stream.take(stream.next());
    stream.mark();
    clock.ms = 800;
    stream.take(stream.next());
    clock.ms = 900;
    expect(stream.report().longestGapMs).toBe(300);
    clock.ms = 5000;
    expect(stream.report().longestGapMs).toBe(4200);
  });
});
