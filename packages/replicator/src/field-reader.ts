import { CommandFormatError } from './errors.ts';

/** Reads the fields of a command one after the other and says which one is wrong. */
export class FieldReader {
  readonly #fields: readonly unknown[];
  #position = 1;

  constructor(fields: readonly unknown[]) {
    this.#fields = fields;
  }

  /** @param missing What an entry means that is older than the field. */
  integer(name: string, missing?: number): number {
    const value = this.#fields[this.#position++] ?? missing;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw new CommandFormatError(`field ${name} is not a number`);
  }

  text(name: string): string {
    const value = this.#fields[this.#position++];
    if (typeof value === 'string') return value;
    throw new CommandFormatError(`field ${name} is not a text`);
  }

  texts(name: string): readonly string[] {
    const value = this.#fields[this.#position++];
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    throw new CommandFormatError(`field ${name} is not a list of texts`);
  }

  bytes(name: string, missing?: Uint8Array): Uint8Array {
    const value = this.#fields[this.#position++] ?? missing;
    if (value instanceof Uint8Array) return value;
    throw new CommandFormatError(`field ${name} is not bytes`);
  }
}
