import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  parseVrrpLine,
  VrrpFollower,
  type VrrpFollowerOptions,
  type VrrpLevel,
  type VrrpLine,
} from '../../src/index.ts';

const VIP = '192.168.0.100';
const lines = new EventEmitter<{ line: [VrrpLine] }>();
let addresses: string[];
let notify: () => void;
let follower: VrrpFollower;
let levels: VrrpLevel[];

function follow(options: Partial<VrrpFollowerOptions> = {}): void {
  follower = new VrrpFollower(
    { instance: { group: 'G1' }, virtualAddresses: [VIP, 'fd00:a:0::100'], ...options },
    {
      lines,
      addresses: {
        current: () => addresses,
        onChange: (callback) => {
          notify = callback;
          return () => undefined;
        },
      },
    },
  );
  levels = [];
  follower.on('change', (level) => levels.push(level));
  follower.start();
}
function say(text: string): void {
  const line = parseVrrpLine(text);
  if (line === null) throw new Error(`bad line in the test: ${text}`);
  lines.emit('line', line);
}
function setAddresses(...list: string[]): void {
  addresses = list;
  notify();
}

beforeEach(() => {
  vi.useFakeTimers();
  addresses = ['192.168.0.1'];
});
afterEach(() => {
  follower.stop();
  vi.useRealTimers();
});

describe('VrrpFollower', () => {
  it('A5 lets the addresses decide at the start, before any line', () => {
    follow();
    expect([follower.state, follower.mastering]).toEqual(['BACKUP', false]);
    follower.stop();
    addresses = [`${VIP}/24`];
    follow();
    expect([follower.state, follower.mastering]).toEqual(['MASTER', true]);
  });

  it('says UNKNOWN when neither a line nor an address tells', () => {
    follow({ virtualAddresses: [] });
    expect(follower.state).toBe('UNKNOWN');
    say('GROUP "G1" FAULT 0');
    expect(follower.state).toBe('FAULT');
  });

  it('shows the first sign of MASTER by the first instance, and the state by the group', () => {
    follow();
    say('GROUP "G1" BACKUP 0');
    say('INSTANCE "VI_out" MASTER 120');
    expect([follower.state, follower.mastering]).toEqual(['BACKUP', true]);
    setAddresses(VIP);
    say('INSTANCE "VI_in" MASTER 120');
    say('GROUP "G1" MASTER 0');
    expect(levels).toEqual([
      { state: 'BACKUP', mastering: false },
      { state: 'BACKUP', mastering: true },
      { state: 'MASTER', mastering: true },
    ]);
    setAddresses();
    say('INSTANCE "VI_out" BACKUP 120');
    say('INSTANCE "VI_in" BACKUP 120');
    say('GROUP "G1" BACKUP 0');
    expect([follower.state, follower.mastering]).toEqual(['BACKUP', false]);
  });

  it('shows the first sign of MASTER by an IPv6 address, however it is written', () => {
    follow();
    setAddresses('fd00:a::0100/64');
    expect([follower.state, follower.mastering]).toEqual(['MASTER', true]);
  });

  it('A5 level: a lost MASTER line is made good by the address', () => {
    follow();
    say('GROUP "G1" BACKUP 0');
    setAddresses(VIP);
    expect([follower.state, follower.mastering]).toEqual(['BACKUP', true]);
    vi.advanceTimersByTime(500);
    expect(follower.state).toBe('MASTER');
  });

  it('A5 level: a lost BACKUP line is made good by the missing address', () => {
    follow();
    setAddresses(VIP);
    say('INSTANCE "VI_in" MASTER 100');
    say('GROUP "G1" MASTER 0');
    setAddresses();
    expect(follower.state).toBe('MASTER');
    vi.advanceTimersByTime(500);
    expect([follower.state, follower.mastering]).toEqual(['BACKUP', false]);
    setAddresses(VIP);
    expect(follower.state).toBe('MASTER');
  });

  it('does not let a short contradiction through', () => {
    follow();
    say('GROUP "G1" MASTER 0');
    vi.advanceTimersByTime(400);
    setAddresses(VIP);
    vi.advanceTimersByTime(10_000);
    expect(levels.slice(1)).toEqual([{ state: 'MASTER', mastering: true }]);
  });

  it('believes a new line against addresses that overruled an old one', () => {
    follow();
    say('GROUP "G1" MASTER 0');
    vi.advanceTimersByTime(500);
    expect(follower.state).toBe('BACKUP');
    say('GROUP "G1" MASTER 0');
    expect(follower.state).toBe('MASTER');
  });

  it('follows a single instance and ignores other names', () => {
    follow({ instance: { instance: 'VI_1' }, virtualAddresses: [] });
    say('INSTANCE "VI_2" MASTER 1');
    say('GROUP "VI_1" MASTER 0');
    expect(follower.state).toBe('UNKNOWN');
    say('INSTANCE "VI_1" MASTER 1');
    expect([follower.state, follower.mastering]).toEqual(['MASTER', true]);
  });

  it('keeps the instances of several groups apart when they are named', () => {
    follow({ instance: { group: 'G1', instances: ['VI_in'] } });
    say('INSTANCE "VI_other" MASTER 1');
    expect(follower.mastering).toBe(false);
    say('INSTANCE "VI_in" MASTER 1');
    expect(follower.mastering).toBe(true);
  });

  it('names the option that is wrong', () => {
    expect(() => follow({ virtualAddresses: ['10.0.0'] })).toThrow(/virtualAddresses.*10\.0\.0/);
    expect(() => follow({ settleMs: 1 })).toThrow(/settleMs/);
  });
});
