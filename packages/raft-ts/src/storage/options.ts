import { InvalidOptionError } from '../errors.ts';

const idBytesMax = 255;

/** Where and how a `SegmentLogStore` keeps its files. */
export interface SegmentLogOptions {
  /** Directory of this log alone; made when it does not exist. */
  readonly directory: string;
  /** Name of the cluster, 1 to 255 bytes; a directory of another cluster is refused. */
  readonly clusterId: string;
  /** Preallocated size of a segment file, 4 KiB to 1 GiB. */
  readonly segmentBytes: number;
  /** Recent entries kept in memory, at least 0 bytes of data. */
  readonly cacheBytesMax: number;
  /** How long a synced position may stay unnoted in the vote file, 1 to 1000 ms (rule L2). */
  readonly positionIntervalMs: number;
}

/** The options that hold where no others are given. */
export const segmentLogDefaults = Object.freeze({
  segmentBytes: 64 * 1024 * 1024,
  cacheBytesMax: 16 * 1024 * 1024,
  positionIntervalMs: 500,
});

/** Options as given: what has a default may be left out. */
export type SegmentLogSettings = Pick<SegmentLogOptions, 'directory' | 'clusterId'> &
  Partial<SegmentLogOptions>;

/** @throws {InvalidOptionError} If a value is outside its range; the message names the option. */
export function resolveSegmentLogOptions(settings: SegmentLogSettings): SegmentLogOptions {
  const options = { ...segmentLogDefaults, ...settings };
  const require = (holds: boolean, option: keyof SegmentLogOptions, allowed: string): void => {
    if (!holds) throw new InvalidOptionError(option, allowed, options[option]);
  };
  const within = (value: number, min: number, max: number): boolean =>
    Number.isSafeInteger(value) && value >= min && value <= max;
  const idBytes = Buffer.byteLength(options.clusterId);
  require(options.directory.length > 0, 'directory', 'a path');
  require(within(idBytes, 1, idBytesMax), 'clusterId', `1 to ${idBytesMax} bytes long`);
  require(within(options.segmentBytes, 4096, 2 ** 30), 'segmentBytes', '4096 to 1073741824');
  require(within(options.cacheBytesMax, 0, 2 ** 40), 'cacheBytesMax', '0 or more');
  require(within(options.positionIntervalMs, 1, 1000), 'positionIntervalMs', '1 to 1000');
  return Object.freeze(options);
}

/** Where a `FileSnapshotStore` keeps its files. */
export interface FileSnapshotOptions {
  /** Directory of these snapshots alone, another one than the log's; made when it does not exist. */
  readonly directory: string;
  /** Name of the cluster, 1 to 255 bytes; snapshots of another cluster are refused. */
  readonly clusterId: string;
}

/** @throws {InvalidOptionError} If a value is outside its range; the message names the option. */
export function resolveFileSnapshotOptions(options: FileSnapshotOptions): FileSnapshotOptions {
  const { directory, clusterId } = options;
  const idBytes = Buffer.byteLength(clusterId);
  if (directory.length === 0) throw new InvalidOptionError('directory', 'a path', directory);
  if (idBytes < 1 || idBytes > idBytesMax) {
    throw new InvalidOptionError('clusterId', `1 to ${idBytesMax} bytes long`, clusterId);
  }
  return Object.freeze({ directory, clusterId });
}
