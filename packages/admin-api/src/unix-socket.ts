import { chmod, lstat, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { NotASocketError, SocketInUseError } from './errors.ts';

/**
 * Listens on a Unix socket that only its owner may open. A socket left behind by a dead process is replaced; one that
 * answers, or a file of another kind, is not.
 *
 * The socket is made in a private directory and moved into place when its mode is right, so that there is no moment in
 * which others can connect.
 * @param listen Starts to listen on the path that it is given.
 * @throws {SocketInUseError} If another process answers on `path`.
 * @throws {NotASocketError} If something else stands there.
 */
export async function listenOnUnixSocket(
  path: string,
  listen: (path: string) => Promise<unknown>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await ensureFree(path);
  // Not join(): it would drop the dot, and the directory would stand beside its parent.
  const directory = await mkdtemp(`${dirname(path)}/.`);
  try {
    const socket = join(directory, 's');
    await listen(socket);
    await chmod(socket, 0o600);
    await rename(socket, path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function ensureFree(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => null);
  if (stats === null) return;
  if (!stats.isSocket()) throw new NotASocketError(path);
  if (await answers(path)) throw new SocketInUseError(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else reject(error);
    });
  });
}
