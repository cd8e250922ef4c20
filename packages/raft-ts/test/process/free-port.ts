import net from 'node:net';

const taken = new Set<number>();

/** Below the range that the kernel takes client ports from: nobody else gets it while its member is down. */
export async function freePort(): Promise<number> {
  while (true) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (taken.has(port)) continue;
    const server = net.createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    taken.add(port);
    return port;
  }
}
