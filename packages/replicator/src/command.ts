import { Packr, Unpackr } from 'msgpackr';
import { CommandFormatError } from './errors.ts';

/** Format version of every command in the log; a member refuses newer ones with a clear error. */
const commandVersion = 1;

/** What a log entry of type `normal` can say. The numbers are durable and never reused. */
export const CommandKind = {
  batch: 1,
  activate: 2,
  release: 3,
  member: 4,
  level: 5,
  alive: 6,
  handover: 7,
  limit: 8,
  digest: 9,
  verify: 10,
  verified: 11,
  rollCall: 12,
  survey: 13,
  surveyed: 14,
} as const;

/** Flow operations of the active node, in order (rule A1). `operations` is a packed blob of `@raftwall/flow-table`. */
export interface BatchCommand {
  readonly kind: typeof CommandKind.batch;
  readonly group: string;
  readonly epoch: number;
  readonly node: string;
  /** Counts from 1 in each epoch. */
  readonly sequence: number;
  readonly operations: Uint8Array;
}

/** A node that VRRP made MASTER asks to become the active node: compare-and-set on the epoch (rules A3, A4). */
export interface ActivateCommand {
  readonly kind: typeof CommandKind.activate;
  readonly group: string;
  readonly node: string;
  /** Random, the same in every retry of one attempt. */
  readonly attempt: string;
  readonly expectedEpoch: number;
  /** Only members that have named their kernels behind this log index vouch for the table (rule K9); 0: all. */
  readonly rollCallIndex: number;
  /** Boot id and namespace cookie of the kernel that becomes the truth. */
  readonly kernelIncarnation: string;
}

/** The epoch has no writer any more: its node left MASTER, or the leader lost contact with it (rule A3). */
export interface ReleaseCommand {
  readonly kind: typeof CommandKind.release;
  readonly group: string;
  readonly node: string;
  readonly epoch: number;
  readonly reason: 'left' | 'lost';
}

/** A member's own addresses (rule K1), its kernel's incarnation (rule K9), and whether it is ready. */
export interface MemberCommand {
  readonly kind: typeof CommandKind.member;
  readonly node: string;
  readonly addresses: readonly string[];
  readonly kernelIncarnation: string;
  /** It may take the virtual address over, as far as it knows. */
  readonly ready: boolean;
}

/** The kernel of that incarnation is level with the table (rule K9). */
export interface LevelCommand {
  readonly kind: typeof CommandKind.level;
  readonly node: string;
  readonly kernelIncarnation: string;
}

/** Sign of life of an active node without flow operations to commit (rule K9). */
export interface AliveCommand {
  readonly kind: typeof CommandKind.alive;
  readonly group: string;
  readonly epoch: number;
  readonly node: string;
}

/** A person moves the virtual address to the target (design, section 7): in `follow` every other member steps back for it. */
export interface HandoverCommand {
  readonly kind: typeof CommandKind.handover;
  readonly group: string;
  readonly target: string;
}

/** The number of flows that capture may let into the table; agreed on in the log so that apply need not refuse (rule T3). */
export interface LimitCommand {
  readonly kind: typeof CommandKind.limit;
  readonly flowsMax: number;
}

/** What the table of a member was at an earlier entry of this kind; the next one says what it is at this one (rule T6). */
export interface DigestCommand {
  readonly kind: typeof CommandKind.digest;
  readonly node: string;
  /** Log index of the earlier entry, 0 for none. */
  readonly comparedIndex: number;
  /** Digest of the whole records without times at that entry: 16 hexadecimal digits. */
  readonly records: string;
}

/** Every member compares its kernel with its table and says what it found, and the digests of its table at this entry. */
export interface VerifyCommand {
  readonly kind: typeof CommandKind.verify;
  /** Random; the answers carry it. */
  readonly request: string;
  /** Differences are mended first, on each member. */
  readonly repair: boolean;
}

/** A member's answer to a `VerifyCommand`. */
export interface VerifiedCommand {
  readonly kind: typeof CommandKind.verified;
  readonly request: string;
  readonly node: string;
  /** Flows that its kernel lacks, has too many, and has otherwise than its table. */
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  /** `DigestSummary.ranges` of its table at the `VerifyCommand`, as little-endian bytes. */
  readonly ranges: Uint8Array;
}

/** Every member is to name its kernel anew (rule K9). */
export interface RollCallCommand {
  readonly kind: typeof CommandKind.rollCall;
  /** Who asks. */
  readonly node: string;
}

/** Every member is to say how its machine is set up (rule K15). */
export interface SurveyCommand {
  readonly kind: typeof CommandKind.survey;
  /** Random; the answers carry it. */
  readonly request: string;
}

/** A member's answer to a `SurveyCommand`. */
export interface SurveyedCommand {
  readonly kind: typeof CommandKind.surveyed;
  readonly request: string;
  readonly node: string;
  /** Its wall clock, for people. */
  readonly wallClockMs: number;
  /** `HostFacts.facts`. */
  readonly facts: Readonly<Record<string, string>>;
}

export type Command =
  | BatchCommand
  | ActivateCommand
  | ReleaseCommand
  | MemberCommand
  | LevelCommand
  | AliveCommand
  | HandoverCommand
  | LimitCommand
  | DigestCommand
  | VerifyCommand
  | VerifiedCommand
  | RollCallCommand
  | SurveyCommand
  | SurveyedCommand;

// Arrays in a fixed order, no record structures: bytes must be readable by every process and after every restart.
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, copyBuffers: false });

/** Bytes of a command: a msgpack array `[version, kind, ...fields]`. */
export function encodeCommand(command: Command): Uint8Array {
  return packr.pack([commandVersion, command.kind, ...fieldsOf(command)]);
}

function fieldsOf(command: Command): readonly unknown[] {
  switch (command.kind) {
    case CommandKind.batch:
      return [command.group, command.epoch, command.node, command.sequence, command.operations];
    case CommandKind.activate:
      return [
        command.group,
        command.node,
        command.attempt,
        command.expectedEpoch,
        command.kernelIncarnation,
        command.rollCallIndex,
      ];
    case CommandKind.release:
      return [command.group, command.node, command.epoch, command.reason];
    case CommandKind.member:
      return [command.node, command.addresses, command.kernelIncarnation, command.ready ? 1 : 0];
    case CommandKind.level:
      return [command.node, command.kernelIncarnation];
    case CommandKind.alive:
      return [command.group, command.epoch, command.node];
    case CommandKind.handover:
      return [command.group, command.target];
    case CommandKind.limit:
      return [command.flowsMax];
    case CommandKind.digest:
      return [command.node, command.comparedIndex, command.records];
    case CommandKind.rollCall:
      return [command.node];
    case CommandKind.survey:
      return [command.request];
    case CommandKind.surveyed:
      return [
        command.request,
        command.node,
        command.wallClockMs,
        Object.entries(command.facts).flat(),
      ];
    case CommandKind.verify:
      return [command.request, command.repair ? 1 : 0];
    case CommandKind.verified: {
      const { request, node, missing, extra, different, ranges } = command;
      return [request, node, missing, extra, different, ranges];
    }
  }
}

/**
 * The command in `data`; its `operations` are a view on `data`.
 *
 * @throws {CommandFormatError} If `data` is no command, or one of a newer format version.
 */
export function decodeCommand(data: Uint8Array): Command {
  const fields = unpackArray(data);
  const version = fields[0];
  if (version !== commandVersion) {
    throw new CommandFormatError(
      `format version ${String(version)}, this program reads ${commandVersion}`,
    );
  }
  return commandOf(new FieldReader(fields));
}

function unpackArray(data: Uint8Array): readonly unknown[] {
  let value: unknown;
  try {
    value = unpackr.unpack(data);
  } catch (cause) {
    throw new CommandFormatError(cause instanceof Error ? cause.message : String(cause));
  }
  if (!Array.isArray(value)) throw new CommandFormatError('not an array');
  return value;
}

function commandOf(read: FieldReader): Command {
  const kind = read.integer('kind');
  switch (kind) {
    case CommandKind.batch:
      return {
        kind,
        group: read.text('group'),
        epoch: read.integer('epoch'),
        node: read.text('node'),
        sequence: read.integer('sequence'),
        operations: read.bytes('operations'),
      };
    case CommandKind.activate:
      return {
        kind,
        group: read.text('group'),
        node: read.text('node'),
        attempt: read.text('attempt'),
        expectedEpoch: read.integer('expectedEpoch'),
        kernelIncarnation: read.text('kernelIncarnation'),
        rollCallIndex: read.integer('rollCallIndex', 0),
      };
    case CommandKind.release:
      return {
        kind,
        group: read.text('group'),
        node: read.text('node'),
        epoch: read.integer('epoch'),
        reason: read.text('reason') === 'left' ? 'left' : 'lost',
      };
    case CommandKind.member:
      return {
        kind,
        node: read.text('node'),
        addresses: read.texts('addresses'),
        kernelIncarnation: read.text('kernelIncarnation'),
        ready: read.integer('ready', 0) === 1,
      };
    case CommandKind.level:
      return { kind, node: read.text('node'), kernelIncarnation: read.text('kernelIncarnation') };
    case CommandKind.alive:
      return {
        kind,
        group: read.text('group'),
        epoch: read.integer('epoch'),
        node: read.text('node'),
      };
    case CommandKind.handover:
      return { kind, group: read.text('group'), target: read.text('target') };
    case CommandKind.limit:
      return { kind, flowsMax: read.integer('flowsMax') };
    case CommandKind.digest:
      return {
        kind,
        node: read.text('node'),
        comparedIndex: read.integer('comparedIndex'),
        records: read.text('records'),
      };
    case CommandKind.rollCall:
      return { kind, node: read.text('node') };
    default:
      return questionOf(kind, read);
  }
}

/** What is asked of every member, and the answers. */
function questionOf(kind: number, read: FieldReader): Command {
  switch (kind) {
    case CommandKind.verify:
      return { kind, request: read.text('request'), repair: read.integer('repair') === 1 };
    case CommandKind.verified:
      return {
        kind,
        request: read.text('request'),
        node: read.text('node'),
        missing: read.integer('missing'),
        extra: read.integer('extra'),
        different: read.integer('different'),
        ranges: read.bytes('ranges'),
      };
    case CommandKind.survey:
      return { kind, request: read.text('request') };
    case CommandKind.surveyed:
      return {
        kind,
        request: read.text('request'),
        node: read.text('node'),
        wallClockMs: read.integer('wallClockMs'),
        facts: pairsOf(read.texts('facts')),
      };
    default:
      throw new CommandFormatError(`unknown kind ${kind}`);
  }
}

/** Names and values by turns. */
function pairsOf(texts: readonly string[]): Readonly<Record<string, string>> {
  const names = texts.filter((_, position) => position % 2 === 0);
  return Object.fromEntries(names.map((name, i) => [name, texts[2 * i + 1] ?? '']));
}

/** Reads the fields of a command one after the other and says which one is wrong. */
class FieldReader {
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

  bytes(name: string): Uint8Array {
    const value = this.#fields[this.#position++];
    if (value instanceof Uint8Array) return value;
    throw new CommandFormatError(`field ${name} is not bytes`);
  }
}
