import { type DigestSummary, type FlowFields, FlowRecord } from '@raftwall/flow-table';
import {
  type Command,
  CommandKind,
  type CompareCommand,
  type ComparedCommand,
  encodeCommand,
  type ListingCommand,
  type VerificationCommand,
  type VerifyCommand,
} from './command.ts';
import { DifferenceKind, DifferenceList, decodeDifferences } from './difference-list.ts';
import { KeyRanges } from './key-ranges.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { Clock, Consensus, Logger } from './ports.ts';
import { type ListedTable, listRows, TableComparison } from './table-comparison.ts';

export interface VerificationAnswersOptions {
  readonly node: string;
  /** What differs is looked at once more after so long: what is under way has come through by then. */
  readonly settleMs: number;
  /** Differences that one answer names; all are counted. At most 4,000, as an answer is one entry of the log. */
  readonly differencesMax: number;
}

/** Where the active node says anew what every table is to have. */
export interface TableRepair {
  made(flow: FlowFields): void;
  gone(flow: FlowFields): void;
  /** Behind the last. */
  flush(): void;
}

export interface VerificationAnswersDependencies {
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
  readonly table: ListedTable & { digest(): DigestSummary };
  /** Compares this kernel with the table; null while that cannot be, and on a witness, which has none (rule V10). */
  readonly inspect: (namedMax: number) => Promise<DifferenceList | null>;
  /** Compares them and mends what differs. */
  readonly repair: () => Promise<void>;
  readonly tableRepair: TableRepair;
  /** Entries up to this index were committed before this node started: nobody waits for its answer to them. */
  readonly replayedUntil: () => number;
}

const noRows = new Uint8Array(0);

/** What one member does when somebody verifies the cluster. */
export class VerificationAnswers {
  readonly #options: VerificationAnswersOptions;
  readonly #dependencies: VerificationAnswersDependencies;
  readonly #row = new FlowRecord();
  /** What this table is compared with, for whoever asked last. */
  #comparison: { readonly request: string; readonly table: TableComparison } | null = null;
  /** The request whose finds are mended by this node. */
  #mended: string | null = null;

  constructor(options: VerificationAnswersOptions, dependencies: VerificationAnswersDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  onApplied(command: VerificationCommand, index: number): void {
    if (command.kind === CommandKind.verify) this.#onVerify(command);
    else if (command.kind === CommandKind.compare) this.#onCompare(command, index);
    else if (command.kind === CommandKind.listing) this.#onListing(command);
    else if (command.kind === CommandKind.compared) this.#onCompared(command);
  }

  noteRemoved(flow: FlowFields): void {
    this.#comparison?.table.noteRemoved(flow);
  }

  /** This table is now what every table must be at this entry. */
  #onVerify({ request, repair }: VerifyCommand): void {
    const { ranges } = this.#dependencies.table.digest();
    this.#inBackground('verified', () => this.#answerVerify(request, repair, ranges));
  }

  /** From here on this table is compared, or listed, as it is at this entry. */
  #onCompare({ request, reference, repair, ranges: bytes }: CompareCommand, index: number): void {
    const { table } = this.#dependencies;
    const { node, differencesMax: namedMax } = this.#options;
    const ranges = new KeyRanges(bytes);
    const isReference = reference === node;
    this.#mended = isReference && repair ? request : null;
    this.#comparison = isReference
      ? null
      : { request, table: new TableComparison({ ranges, index, namedMax }, table) };
    if (isReference) this.#inBackground('listing', () => this.#list(request, ranges, index));
  }

  #onListing({ request, rows, isLast }: ListingCommand): void {
    const comparison = this.#comparison;
    if (comparison?.request !== request) return;
    if (rows.length > 0) this.#try('listing', () => comparison.table.onPage(rows));
    if (isLast) this.#inBackground('compared', () => this.#answerCompare(comparison));
  }

  /** What is said anew is the same for every table that has it already. */
  #onCompared({ request, differences }: ComparedCommand): void {
    if (request !== this.#mended) return;
    const { table, tableRepair } = this.#dependencies;
    this.#try('repair', () => {
      for (const { kind, flow } of decodeDifferences(differences)) {
        const slot = table.find(flow);
        if (kind === DifferenceKind.extra && slot < 0) tableRepair.gone(flow);
        if (kind === DifferenceKind.extra || slot < 0) continue;
        table.read(slot, this.#row);
        tableRepair.made(this.#row);
      }
      tableRepair.flush();
    });
  }

  async #answerVerify(request: string, repair: boolean, ranges: Uint32Array): Promise<void> {
    if (repair) await this.#dependencies.repair();
    const found = await this.#inspect();
    const { missing, extra, different } = found;
    await this.#propose({
      kind: CommandKind.verified,
      request,
      node: this.#options.node,
      ...{ missing, extra, different },
      ranges: new Uint8Array(ranges.buffer, ranges.byteOffset, ranges.byteLength),
      differences: found.encode(),
    });
  }

  async #inspect(): Promise<DifferenceList> {
    const { inspect, clock } = this.#dependencies;
    const { differencesMax, settleMs } = this.#options;
    const first = (await inspect(differencesMax)) ?? new DifferenceList(0);
    if (first.count === 0) return first;
    await new Promise<void>((resolve) => clock.setTimer(settleMs, resolve));
    return (await inspect(differencesMax)) ?? first;
  }

  async #list(request: string, ranges: KeyRanges, index: number): Promise<void> {
    const kind = CommandKind.listing;
    for await (const rows of listRows(this.#dependencies.table, ranges, index)) {
      await this.#propose({ kind, request, isLast: false, rows });
    }
    await this.#propose({ kind, request, isLast: true, rows: noRows });
  }

  async #answerCompare(comparison: { request: string; table: TableComparison }): Promise<void> {
    const found = await comparison.table.finish();
    if (this.#comparison === comparison) this.#comparison = null;
    const { missing, extra, different } = found;
    await this.#propose({
      kind: CommandKind.compared,
      request: comparison.request,
      node: this.#options.node,
      ...{ missing, extra, different },
      differences: found.encode(),
    });
  }

  async #propose(command: Command): Promise<void> {
    await this.#dependencies.consensus.propose(encodeCommand(command));
  }

  /** Whoever asked waits only for so long, and may ask again. */
  #inBackground(what: string, answer: () => Promise<void>): void {
    void answer().catch((error) => this.#onFailure(what, error));
  }

  #try(what: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#onFailure(what, error);
    }
  }

  #onFailure(what: string, error: unknown): void {
    this.#comparison = null;
    countBy(this.#dependencies.counters.retries, what);
    this.#dependencies.logger.warn({ err: error, what }, 'a verification was not answered');
  }
}
