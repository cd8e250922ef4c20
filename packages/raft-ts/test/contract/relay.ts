import net from 'node:net';

/** A relay on loopback whose connections can be cut; new ones work again. */
export class Relay {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #relayedBytes = 0;
  #onBytes: () => void = () => undefined;

  constructor(targetPort: number) {
    this.#server = net.createServer((near) => {
      const far = net.connect(targetPort, '127.0.0.1');
      this.#join(near, far);
      this.#join(far, near);
    });
  }

  /** Returns the port. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as net.AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  /** Resolves when so many more bytes have passed. */
  passed(bytes: number): Promise<void> {
    const end = this.#relayedBytes + bytes;
    return new Promise((resolve) => {
      this.#onBytes = () => this.#relayedBytes >= end && resolve();
    });
  }

  #join(from: net.Socket, to: net.Socket): void {
    this.#sockets.add(from);
    from.on('data', (chunk) => {
      this.#relayedBytes += chunk.length;
      to.write(chunk);
      this.#onBytes();
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
