import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FlowCodecError,
  FlowRecord,
  FlowValueError,
  readFlowKey,
  writeFlowKey,
} from '../../src/index.ts';
import { arbitraryFlow, keyText } from '../arbitrary-flows.ts';

describe('flow key', () => {
  it('has the documented bytes', () => {
    const flow = new FlowRecord();
    flow.protocol = 6;
    flow.zone = 0x0102;
    flow.originalSource.set([10, 0, 0, 1]);
    flow.originalDestination.set([192, 168, 1, 2]);
    flow.originalL4 = ((50000 << 16) | 443) >>> 0;
    const buffer = new Uint8Array(48);
    expect(writeFlowKey(flow, buffer, 3)).toBe(16);
    expect(Buffer.from(buffer.subarray(3, 19)).toString('hex')).toBe(
      '02060102' + '0a000001' + 'c0a80102' + 'c35001bb',
    );
    flow.family = 10;
    expect(writeFlowKey(flow, buffer, 0)).toBe(40);
  });

  it('comes back as it was, whatever the reading cell had', () => {
    const buffer = new Uint8Array(48);
    const into = new FlowRecord();
    fc.assert(
      fc.property(arbitraryFlow, arbitraryFlow, (flow, before) => {
        into.copyFrom(before);
        const length = writeFlowKey(flow, buffer, 5);
        expect(readFlowKey(buffer, 5, into)).toBe(length);
        expect(keyText(into)).toBe(keyText(flow));
      }),
    );
  });

  it('refuses an unknown family and a cut key, naming the byte', () => {
    const flow = new FlowRecord();
    flow.family = 7;
    expect(() => writeFlowKey(flow, new Uint8Array(40), 0)).toThrow(FlowValueError);
    expect(() => readFlowKey(new Uint8Array(40), 2, flow)).toThrow(/byte 2: family 0/);
    expect(() => readFlowKey(Uint8Array.of(2, 6, 0), 0, flow)).toThrow(FlowCodecError);
  });
});
