import { CommandKind } from './command-kind.ts';
import type { FieldReader } from './field-reader.ts';

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
  /** The first of these flows, for `decodeDifferences`. */
  readonly differences: Uint8Array;
}

/** Tables differ: the reference lists its rows of some key ranges, as they are at this entry, and the others compare. */
export interface CompareCommand {
  readonly kind: typeof CommandKind.compare;
  readonly request: string;
  /** The member with whose table the others are compared. */
  readonly reference: string;
  /** Bytes of `KeyRanges`. */
  readonly ranges: Uint8Array;
  /** The reference, if it is active, proposes anew what others have otherwise. */
  readonly repair: boolean;
}

/** A page of the reference's rows. */
export interface ListingCommand {
  readonly kind: typeof CommandKind.listing;
  readonly request: string;
  readonly isLast: boolean;
  /** The rows, as a packed blob of creates. */
  readonly rows: Uint8Array;
}

/** What a member's table lacks, has too many, and has otherwise than the reference's. */
export interface ComparedCommand {
  readonly kind: typeof CommandKind.compared;
  readonly request: string;
  readonly node: string;
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  readonly differences: Uint8Array;
}

/** What members say to one another when somebody verifies them. */
export type VerificationCommand =
  | VerifyCommand
  | VerifiedCommand
  | CompareCommand
  | ListingCommand
  | ComparedCommand;

const noBytes = new Uint8Array(0);

/** The fields of the command's array, behind version and kind. */
export function verificationFieldsOf(command: VerificationCommand): readonly unknown[] {
  switch (command.kind) {
    case CommandKind.verify:
      return [command.request, command.repair ? 1 : 0];
    case CommandKind.verified: {
      const { request, node, missing, extra, different, ranges, differences } = command;
      return [request, node, missing, extra, different, ranges, differences];
    }
    case CommandKind.compare: {
      const { request, reference, ranges, repair } = command;
      return [request, reference, ranges, repair ? 1 : 0];
    }
    case CommandKind.listing:
      return [command.request, command.isLast ? 1 : 0, command.rows];
    case CommandKind.compared: {
      const { request, node, missing, extra, different, differences } = command;
      return [request, node, missing, extra, different, differences];
    }
  }
}

/**
 * The command of that kind; null if it is none of these.
 *
 * @throws {CommandFormatError} If a field is wrong.
 */
export function verificationCommandOf(kind: number, read: FieldReader): VerificationCommand | null {
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
        differences: read.bytes('differences', noBytes),
      };
    case CommandKind.compare:
      return {
        kind,
        request: read.text('request'),
        reference: read.text('reference'),
        ranges: read.bytes('ranges'),
        repair: read.integer('repair') === 1,
      };
    case CommandKind.listing:
      return {
        kind,
        request: read.text('request'),
        isLast: read.integer('isLast') === 1,
        rows: read.bytes('rows'),
      };
    case CommandKind.compared:
      return {
        kind,
        request: read.text('request'),
        node: read.text('node'),
        missing: read.integer('missing'),
        extra: read.integer('extra'),
        different: read.integer('different'),
        differences: read.bytes('differences'),
      };
    default:
      return null;
  }
}
