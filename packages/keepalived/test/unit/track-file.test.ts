import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TrackFile, TrackFileError } from '../../src/index.ts';

let root: string;
let path: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'raftwall-track-'));
  path = join(root, 'keepalived', 'ready');
});
afterEach(() => rmSync(root, { recursive: true }));

it('creates the directory, and replaces the value by rename', () => {
  const file = new TrackFile({ path });
  expect(file.value()).toBe(0);
  file.set(1);
  const before = statSync(path).ino;
  file.set(2);
  expect(readFileSync(path, 'utf8')).toBe('2\n');
  expect(statSync(path).ino).not.toBe(before);
  expect(readdirSync(join(root, 'keepalived'))).toEqual(['ready']);
});

it('leaves a file with the right value alone', () => {
  const file = new TrackFile({ path });
  file.set(1);
  const { ino } = statSync(path);
  file.set(1);
  expect(statSync(path).ino).toBe(ino);
});

it('writes 0 into an absent or garbled file, which already counts as 0', () => {
  const file = new TrackFile({ path });
  file.set(0);
  expect(readFileSync(path, 'utf8')).toBe('0\n');
  writeFileSync(path, '1x');
  expect(file.value()).toBe(0);
  file.set(0);
  expect(readFileSync(path, 'utf8')).toBe('0\n');
});

it('says 0 at a clean stop and keeps the file', () => {
  const file = new TrackFile({ path });
  file.set(2);
  file.close();
  expect(readFileSync(path, 'utf8')).toBe('0\n');
});

it('renews the age without another value', () => {
  const file = new TrackFile({ path });
  expect(() => file.renew()).toThrow(TrackFileError);
  file.set(1);
  const before = statSync(path).mtimeMs;
  file.renew();
  expect(statSync(path).mtimeMs).toBeGreaterThanOrEqual(before);
  expect(file.value()).toBe(1);
});

it('names the file that it cannot write', () => {
  mkdirSync(path, { recursive: true });
  const file = new TrackFile({ path });
  expect(() => file.set(1)).toThrow(path);
  expect(readdirSync(join(root, 'keepalived'))).toEqual(['ready']);
  expect(() => new TrackFile({ path: 'ready' })).toThrow(/absolute/);
});
