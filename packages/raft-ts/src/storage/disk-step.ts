import type { Done } from '../ports.ts';
import { StorageError, StorageFailedError } from './errors.ts';

/** Does a step of work on the disk: what the disk refuses is thrown as a `StorageFailedError` that says what and where. */
export async function diskStep<T>(
  path: string,
  refusal: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StorageError) throw error;
    throw new StorageFailedError(path, refusal, error);
  }
}

/** Hands the outcome of a promise to a callback. */
export function respond<T>(work: Promise<T>, answer: (result: T | Error) => void): void {
  work.then(answer, (error: unknown) =>
    answer(error instanceof Error ? error : new Error(String(error))),
  );
}

/** As `respond`, for work without a result. */
export function respondDone(work: Promise<void>, done: Done): void {
  respond(work, (result) => done(result ?? null));
}
