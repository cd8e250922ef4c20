import { readFileSync, statSync } from 'node:fs';
import type { FlowTable } from '@raftwall/flow-table';
import type { Kernel } from '@raftwall/replicator';
import { FaultyFileSystem, nodeFileSystem, type Transport } from 'raft-ts';
import type { Seams } from '../seams.ts';
import { type FaultPlan, FaultPlanError, noFaults, parseFaultPlan } from './fault-plan.ts';
import { faultyKernel } from './faulty-kernel.ts';
import { forgetFlows } from './forget-flows.ts';
import { LossyTransport } from './lossy-transport.ts';

const lookIntervalMs = 100;

/**
 * Breaks a node as the file named in `RAFTWALL_FAULTS` says. The file may be absent, and is read again when it changes:
 * calls are then counted anew, so that a fault can be made to begin in the middle of a test.
 */
export class InjectedFaults implements Seams {
  readonly fileSystem = new FaultyFileSystem(nodeFileSystem);
  readonly #file: string;
  #version = '';
  #plan: FaultPlan = noFaults;
  #timer: NodeJS.Timeout | undefined;
  #table: FlowTable | null = null;

  private constructor(file: string) {
    this.#file = file;
  }

  /** @throws {FaultPlanError} If the file says something else than faults. */
  static open(file: string): InjectedFaults {
    const faults = new InjectedFaults(file);
    faults.#read();
    faults.#timer = setInterval(() => faults.#readAgain(), lookIntervalMs).unref();
    return faults;
  }

  kernel(real: Kernel): Kernel {
    return faultyKernel(real, () => this.#plan);
  }

  transport(real: Transport): Transport {
    return new LossyTransport(real, () => this.#plan.dropPeers);
  }

  table(real: FlowTable): FlowTable {
    this.#table = real;
    return real;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Looks for itself: a file that is written while a watch begins would never be seen to change. */
  #read(): void {
    const text = readIfThere(this.#file);
    const version =
      text === '' ? '' : `${statSync(this.#file, { throwIfNoEntry: false })?.mtimeMs} ${text}`;
    if (version === this.#version) return;
    this.#version = version;
    this.#plan = text === '' ? noFaults : parseFaultPlan(text);
    this.fileSystem.clear();
    for (const fault of this.#plan.storage) this.fileSystem.add(fault);
    if (this.#table !== null) forgetFlows(this.#table, this.#plan.forgetFlows);
  }

  /** A plan that cannot be understood would be a test that proves nothing: the process ends. */
  #readAgain(): void {
    try {
      this.#read();
    } catch (error) {
      if (!(error instanceof FaultPlanError)) throw error;
      process.stderr.write(`${error.message}\n`);
      process.exit(1);
    }
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
