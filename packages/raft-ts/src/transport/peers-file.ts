import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import type { NodeId } from '../core/types.ts';
import { PeersFileError } from './errors.ts';

/** What each peer's data directory is called, 32 hex digits. */
type Incarnations = ReadonlyMap<NodeId, string>;

/** Version 2 has the checksum: with a changed name a wiped member would pass for one that was never seen. */
const formatVersion = 2;

/**
 * The peers that a member has met, from a JSON file; none when there is no such file.
 *
 * @throws {PeersFileError} If the file cannot be read, or is not what was written.
 */
export async function readPeersFile(file: string): Promise<Incarnations> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw new PeersFileError(file, 'the file of known peers cannot be read', error);
  }
  return decode(file, text);
}

/**
 * Replaces the file in one step, durably.
 *
 * @throws {PeersFileError} If the disk refuses.
 */
export async function writePeersFile(file: string, incarnations: Incarnations): Promise<void> {
  try {
    await replaceFile(file, encode(incarnations));
  } catch (error) {
    throw new PeersFileError(file, 'the file of known peers cannot be written', error);
  }
}

function encode(incarnations: Incarnations): string {
  const peers = Object.fromEntries(incarnations);
  const content = { version: formatVersion, peers, checksum: checksumOf(peers) };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function decode(file: string, text: string): Incarnations {
  let content: { version?: unknown; peers?: unknown; checksum?: unknown } | null;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new PeersFileError(file, 'the file of known peers is no JSON', error);
  }
  const { version, peers, checksum } = content ?? {};
  if (version !== formatVersion) {
    const found = JSON.stringify(version);
    const problem = `the file of known peers has version ${found}, not ${formatVersion}`;
    throw new PeersFileError(file, problem);
  }
  if (checksum !== checksumOf(peers) || !isIncarnations(peers)) {
    throw new PeersFileError(file, 'the file of known peers is damaged');
  }
  return new Map(Object.entries(peers));
}

function checksumOf(peers: unknown): string {
  return crc32(JSON.stringify(peers) ?? '')
    .toString(16)
    .padStart(8, '0');
}

function isIncarnations(peers: unknown): peers is Record<NodeId, string> {
  if (typeof peers !== 'object' || peers === null) return false;
  return Object.values(peers).every((one) => /^[0-9a-f]{32}$/.test(String(one)));
}

async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}.tmp`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  const directory = await open(path.dirname(file), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
