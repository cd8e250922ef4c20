import { NamespaceRestoreError } from './errors.ts';
import { checked, lastErrno, libc } from './libc.ts';

const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
const CLONE_NEWNET = 0x40000000;

/**
 * Runs a synchronous action with the calling thread in another network namespace, and comes back whatever happens.
 * Sockets made inside belong to that namespace for ever; `/proc/sys/net` shows that namespace's settings.
 *
 * @param path For example `/run/netns/blue`; undefined runs the action where the thread is.
 * @throws {NetlinkError} If the namespace cannot be opened or entered (needs CAP_SYS_ADMIN).
 * @throws {NamespaceRestoreError} If the thread could not return; the process must end.
 */
export function withNamespace<T>(path: string | undefined, action: () => T): T {
  if (path === undefined) return action();
  const own = '/proc/thread-self/ns/net';
  const home = checked(`open ${own}`, libc.open(own, O_RDONLY | O_CLOEXEC, 0));
  try {
    const target = checked(`open ${path}`, libc.open(path, O_RDONLY | O_CLOEXEC, 0));
    try {
      checked(`setns ${path}`, libc.setns(target, CLONE_NEWNET));
    } finally {
      libc.close(target);
    }
    try {
      return action();
    } finally {
      restore(home);
    }
  } finally {
    libc.close(home);
  }
}

function restore(home: number): void {
  if (libc.setns(home, CLONE_NEWNET) === 0) return;
  throw new NamespaceRestoreError(`setns to the own network namespace: errno ${lastErrno()}`);
}
