import type { SnapshotReader, SnapshotWriter } from '../ports.ts';

/** Runs an action in this life of a member only, and after the end of a pause. */
export type InLife = (action: () => void) => void;

/** A reader that does nothing while its member is frozen or gone. */
export function readerInLife(reader: SnapshotReader, inLife: InLife): SnapshotReader {
  return {
    meta: reader.meta,
    read: (offset, length, answer) => {
      inLife(() => reader.read(offset, length, (result) => inLife(() => answer(result))));
    },
    content: () => reader.content(),
    close: () => inLife(() => reader.close()),
  };
}

/** A writer that does nothing while its member is frozen or gone. */
export function writerInLife(writer: SnapshotWriter, inLife: InLife): SnapshotWriter {
  return {
    meta: writer.meta,
    get offset() {
      return writer.offset;
    },
    write: (chunk, done) => {
      inLife(() => writer.write(chunk, (error) => inLife(() => done(error))));
    },
    finish: (done) => {
      inLife(() => writer.finish((error) => inLife(() => done(error))));
    },
    close: () => inLife(() => writer.close()),
  };
}
