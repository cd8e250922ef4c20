import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}.hex`, import.meta.url));

/** The datagrams of a fixture: one a line, in hexadecimal; lines with `#` say what made them. */
export function readHexFile(name: string): Uint8Array[] {
  return readFileSync(path(name), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => new Uint8Array(Buffer.from(line, 'hex')));
}

export function writeHexFile(
  name: string,
  comment: string,
  datagrams: readonly Uint8Array[],
): void {
  const lines = datagrams.map((bytes) => Buffer.from(bytes).toString('hex'));
  writeFileSync(path(name), `# ${comment}\n${lines.join('\n')}\n`);
}

/** Every fixture there is. */
export const FIXTURES = [
  'udp4-events',
  'udp6-events',
  'tcp4-events',
  'tcp6-events',
  'icmp4-events',
  'icmp6-events',
  'nat-mark-zone-dump',
  'sctp4-events',
  'gre4-events',
  'unknown4-events',
  'ftp4-expectations',
  'dccp4-dump',
  'offload4-dump',
] as const;
