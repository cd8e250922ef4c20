import { LabError } from '../errors.ts';
import type { Firewall } from '../firewall.ts';

/** EX_IOERR of sysexits.h. */
const STORAGE_EXIT = 74;

/** Waits until raftwalld has left because of its disk (rule V4). @throws {LabError} If it ended otherwise. */
export async function waitForStorageExit({ id, raftwall }: Firewall): Promise<void> {
  const code = await raftwall.ended();
  if (code === STORAGE_EXIT) return;
  throw new LabError(
    'LAB_PROCESS_ENDED',
    `raftwalld of ${id} ended with ${code}, not ${STORAGE_EXIT}`,
  );
}
