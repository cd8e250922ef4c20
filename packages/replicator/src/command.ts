import { Packr, Unpackr } from 'msgpackr';
import { CommandKind } from './command-kind.ts';
import { CommandFormatError } from './errors.ts';
import { FieldReader } from './field-reader.ts';
import {
  type VerificationCommand,
  verificationCommandOf,
  verificationFieldsOf,
} from './verification-command.ts';

export { CommandKind } from './command-kind.ts';
export type * from './verification-command.ts';

/** Format version of every command in the log; a member refuses newer ones with a clear error. */
const commandVersion = 1;

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
  | VerificationCommand
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
    default:
      return verificationFieldsOf(command);
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
    default: {
      const command = verificationCommandOf(kind, read);
      if (command !== null) return command;
      throw new CommandFormatError(`unknown kind ${kind}`);
    }
  }
}

/** Names and values by turns. */
function pairsOf(texts: readonly string[]): Readonly<Record<string, string>> {
  const names = texts.filter((_, position) => position % 2 === 0);
  return Object.fromEntries(names.map((name, i) => [name, texts[2 * i + 1] ?? '']));
}
