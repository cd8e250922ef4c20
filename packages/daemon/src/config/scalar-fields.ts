import { isAbsolute, normalize } from 'node:path';
import { describe, type Reader } from './field.ts';
import { nearest } from './nearest.ts';

/** `true` or `false`. */
export const flag: Reader<boolean> = {
  allowed: 'true or false',
  read(value, at, faults) {
    if (typeof value === 'boolean') return value;
    faults.add(at, `is ${describe(value)}`, flag.allowed);
    return undefined;
  },
};

/** A name that also serves in file names, metrics and frames. */
export const identifier: Reader<string> = {
  allowed: '1 to 63 letters, digits, "-", "_" or ".", beginning with a letter or digit',
  read(value, at, faults) {
    if (typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(value)) return value;
    faults.add(at, `is ${describe(value)}`, identifier.allowed);
    return undefined;
  },
};

/** A keepalived name: one word, as it stands in the notify FIFO between quotes. */
export const vrrpName: Reader<string> = {
  allowed: 'the name as written in keepalived.conf, without spaces and quotes',
  read(value, at, faults) {
    if (typeof value === 'string' && /^[^\s"]{1,255}$/.test(value)) return value;
    faults.add(at, `is ${describe(value)}`, vrrpName.allowed);
    return undefined;
  },
};

/** A whole number from `min` to `max`, of something that `unit` names. */
export function integer(min: number, max: number, unit = ''): Reader<number> {
  const allowed = `a whole number from ${min} to ${max}${unit === '' ? '' : ` (${unit})`}`;
  return {
    allowed,
    read(value, at, faults) {
      const fits = Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
      if (fits) return Number(value);
      faults.add(at, `is ${describe(value)}`, allowed);
      return undefined;
    },
  };
}

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): Reader<T> {
  const allowed = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return {
    allowed,
    read(value, at, faults) {
      const word = words.find((known) => known === value);
      if (word !== undefined) return word;
      const guess = typeof value === 'string' ? nearest(value, words) : null;
      const hint = guess === null ? '' : `, did you mean ${guess}?`;
      faults.add(at, `is ${describe(value)}${hint}`, allowed);
      return undefined;
    },
  };
}

/** An absolute path of at most `bytesMax` bytes, normalized. */
export function absolutePath(bytesMax = 4095): Reader<string> {
  const allowed = `an absolute path of at most ${bytesMax} bytes`;
  return {
    allowed,
    read(value, at, faults) {
      if (typeof value === 'string' && isAbsolute(value) && !value.includes('\0')) {
        const path = normalize(value);
        if (Buffer.byteLength(path) <= bytesMax) return path;
      }
      faults.add(at, `is ${describe(value)}`, allowed);
      return undefined;
    },
  };
}
