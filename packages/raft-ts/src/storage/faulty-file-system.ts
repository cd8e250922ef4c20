import type { Done, FileSystem } from './file-system.ts';

/** The calls that can be made to fail. */
export type FaultyCall =
  | 'open'
  | 'read'
  | 'write'
  | 'dataSync'
  | 'truncate'
  | 'rename'
  | 'remove'
  | 'syncDirectory';

/** What happens at a call instead of, or before, its work. */
export type FaultEffect =
  /** The call fails with this errno code, e.g. `EIO` or `ENOSPC`; nothing is done. */
  | { readonly kind: 'error'; readonly code: string }
  /** The call does its work this much later. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** For `write`: only the first bytes reach the file, then the call fails with `EIO`. */
  | { readonly kind: 'tear'; readonly bytes: number };

/** One planned fault. */
export interface Fault {
  readonly call: FaultyCall;
  /** Which of the calls of this kind, counted from 1 since the fault was added. */
  readonly nth: number;
  /** Only calls on files whose path contains this; all when left out. */
  readonly path?: string;
  /** Also every later call of this kind; otherwise only the n-th. */
  readonly isLasting?: boolean;
  readonly effect: FaultEffect;
}

interface PlannedFault {
  readonly fault: Fault;
  seen: number;
}

/** A `FileSystem` whose n-th call of a kind fails, is slow or is torn. It counts the calls that it is asked for. */
export class FaultyFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #paths = new Map<number, string>();
  readonly #calls = new Map<FaultyCall, number>();
  #planned: PlannedFault[] = [];

  constructor(inner: FileSystem, faults: readonly Fault[] = []) {
    this.#inner = inner;
    for (const fault of faults) this.add(fault);
  }

  /** Plans one more fault; its calls are counted from now on. */
  add(fault: Fault): void {
    this.#planned.push({ fault, seen: 0 });
  }

  /** Forgets what is planned and has not happened. */
  clear(): void {
    this.#planned = [];
  }

  /** Calls of this kind so far, failed ones included. */
  calls(call: FaultyCall): number {
    return this.#calls.get(call) ?? 0;
  }

  makeDirectory(directory: string): Promise<void> {
    return this.#inner.makeDirectory(directory);
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#inner.list(directory);
  }

  async open(file: string, mode: 'create' | 'update'): Promise<number> {
    await this.#meet('open', file);
    const descriptor = await this.#inner.open(file, mode);
    this.#paths.set(descriptor, file);
    return descriptor;
  }

  close(file: number): Promise<void> {
    this.#paths.delete(file);
    return this.#inner.close(file);
  }

  sizeBytes(file: number): Promise<number> {
    return this.#inner.sizeBytes(file);
  }

  read(file: number, target: Uint8Array, position: number): number {
    const effect = this.#effect('read', this.#pathOf(file));
    if (effect?.kind === 'error') throw errnoError(effect.code, 'read', this.#pathOf(file));
    return this.#inner.read(file, target, position);
  }

  async readAsync(file: number, target: Uint8Array, position: number): Promise<number> {
    await this.#meet('read', this.#pathOf(file));
    return this.#inner.readAsync(file, target, position);
  }

  write(file: number, data: Uint8Array, position: number, done: Done): void {
    const path = this.#pathOf(file);
    const effect = this.#effect('write', path);
    if (effect === null) this.#inner.write(file, data, position, done);
    else if (effect.kind === 'error') this.#fail(effect.code, 'write', path, done);
    else if (effect.kind === 'delay') {
      setTimeout(() => this.#inner.write(file, data, position, done), effect.delayMs);
    } else {
      this.#inner.write(file, data.subarray(0, effect.bytes), position, () =>
        done(errnoError('EIO', 'write', path)),
      );
    }
  }

  dataSync(file: number, done: Done): void {
    const path = this.#pathOf(file);
    const effect = this.#effect('dataSync', path);
    if (effect === null) this.#inner.dataSync(file, done);
    else if (effect.kind === 'delay') {
      setTimeout(() => this.#inner.dataSync(file, done), effect.delayMs);
    } else this.#fail(effect.kind === 'error' ? effect.code : 'EIO', 'dataSync', path, done);
  }

  async truncate(file: number, sizeBytes: number): Promise<void> {
    await this.#meet('truncate', this.#pathOf(file));
    await this.#inner.truncate(file, sizeBytes);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#meet('rename', to);
    await this.#inner.rename(from, to);
    for (const [file, name] of this.#paths) if (name === from) this.#paths.set(file, to);
  }

  async remove(file: string): Promise<void> {
    await this.#meet('remove', file);
    await this.#inner.remove(file);
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#meet('syncDirectory', directory);
    await this.#inner.syncDirectory(directory);
  }

  #pathOf(file: number): string {
    return this.#paths.get(file) ?? '';
  }

  #effect(call: FaultyCall, path: string): FaultEffect | null {
    this.#calls.set(call, this.calls(call) + 1);
    let effect: FaultEffect | null = null;
    for (const planned of this.#planned) {
      const { fault } = planned;
      if (fault.call !== call || !path.includes(fault.path ?? '')) continue;
      planned.seen += 1;
      const isMet = fault.isLasting ? planned.seen >= fault.nth : planned.seen === fault.nth;
      if (isMet) effect ??= fault.effect;
    }
    return effect;
  }

  async #meet(call: FaultyCall, path: string): Promise<void> {
    const effect = this.#effect(call, path);
    if (effect?.kind === 'error') throw errnoError(effect.code, call, path);
    if (effect?.kind === 'delay') {
      await new Promise((resolve) => setTimeout(resolve, effect.delayMs));
    }
  }

  #fail(code: string, call: FaultyCall, path: string, done: Done): void {
    setImmediate(() => done(errnoError(code, call, path)));
  }
}

function errnoError(code: string, call: FaultyCall, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected fault, ${call} '${path}'`), { code });
}
