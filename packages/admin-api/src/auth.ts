import { createHash, timingSafeEqual } from 'node:crypto';
import { TokensFileError } from './errors.ts';

/** What a requester may do; each role includes those before it. */
const ROLES = ['reader', 'operator', 'admin'] as const;

export type Role = (typeof ROLES)[number];

/** Who asks, as the audit log names them. */
export interface Requester {
  readonly name: string;
  readonly role: Role;
}

interface StoredToken extends Requester {
  readonly sha256: Buffer;
}

/** The bearer tokens of one file; only their hashes are stored. */
export class Tokens {
  readonly #tokens: readonly StoredToken[];

  /**
   * @param text Lines `NAME ROLE sha256:HEX`; empty lines and those that begin with `#` are skipped.
   * @throws {TokensFileError} If a line is not understood.
   */
  constructor(text: string) {
    this.#tokens = text.split('\n').flatMap((line, index) => {
      const isContent = line.trim() !== '' && !line.startsWith('#');
      return isContent ? [parseLine(line.trim(), index + 1)] : [];
    });
  }

  /** @returns Whose token an `Authorization` header carries, or null. */
  find(header: string | undefined): Requester | null {
    const token = /^Bearer ([^\s]+)$/i.exec(header ?? '')?.[1];
    if (token === undefined) return null;
    const sha256 = createHash('sha256').update(token).digest();
    return this.#tokens.find((stored) => timingSafeEqual(stored.sha256, sha256)) ?? null;
  }
}

/** Whether a role includes another. */
export function includesRole(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

function parseLine(line: string, number: number): StoredToken {
  const [name = '', roleName, hash = '', ...rest] = line.split(/\s+/);
  const role = ROLES.find((known) => known === roleName);
  if (rest.length > 0) throw new TokensFileError(number, 'has more than three words');
  if (role === undefined) throw new TokensFileError(number, `has no role (${roleName ?? 'none'})`);
  if (!/^sha256:[0-9a-f]{64}$/i.test(hash)) throw new TokensFileError(number, 'has no SHA-256');
  return { name, role, sha256: Buffer.from(hash.slice('sha256:'.length), 'hex') };
}
