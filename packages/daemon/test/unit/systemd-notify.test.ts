import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SystemdNotifier, sendBySystemdNotify } from '../../src/systemd-notify.ts';

function recorder() {
  const sent: string[] = [];
  const errors: Error[] = [];
  return {
    sent,
    errors,
    dependencies: {
      pid: 42,
      sendDatagram: async (_path: string, bytes: Uint8Array) => {
        sent.push(Buffer.from(bytes).toString());
      },
      onError: (error: Error) => errors.push(error),
    },
  };
}

afterEach(() => vi.useRealTimers());

describe('systemd notification', () => {
  it('says ready and stopping, each once', async () => {
    const { sent, dependencies } = recorder();
    const notifier = new SystemdNotifier({ NOTIFY_SOCKET: '/run/n' }, dependencies);
    await notifier.ready('Member a\nof c');
    await notifier.stopping();
    expect(sent).toEqual(['READY=1\nSTATUS=Member a of c', 'STOPPING=1']);
  });

  it('feeds the watchdog twice per interval once ready, also while leaving, until closed', async () => {
    vi.useFakeTimers();
    const { sent, dependencies } = recorder();
    const environment = { NOTIFY_SOCKET: '/run/n', WATCHDOG_USEC: '2000000', WATCHDOG_PID: '42' };
    const notifier = new SystemdNotifier(environment, dependencies);
    await vi.advanceTimersByTimeAsync(5000);
    expect(sent).toEqual([]);
    await notifier.ready('up');
    await vi.advanceTimersByTimeAsync(2000);
    await notifier.stopping();
    await vi.advanceTimersByTimeAsync(1000);
    notifier.close();
    await vi.advanceTimersByTimeAsync(5000);
    expect(sent.slice(1)).toEqual(['WATCHDOG=1', 'WATCHDOG=1', 'STOPPING=1', 'WATCHDOG=1']);
  });

  it('leaves the watchdog of another process alone', async () => {
    vi.useFakeTimers();
    const { sent, dependencies } = recorder();
    const environment = { NOTIFY_SOCKET: '/run/n', WATCHDOG_USEC: '2000000', WATCHDOG_PID: '43' };
    await new SystemdNotifier(environment, dependencies).ready('up');
    await vi.advanceTimersByTimeAsync(5000);
    expect(sent).toHaveLength(1);
  });

  it('does nothing when systemd did not ask', async () => {
    const { sent, dependencies } = recorder();
    await new SystemdNotifier({}, dependencies).ready('up');
    expect(sent).toEqual([]);
  });

  it('reports a datagram that could not be sent and goes on', async () => {
    const { errors, dependencies } = recorder();
    const sendDatagram = () => Promise.reject(new Error('no such socket'));
    const notifier = new SystemdNotifier(
      { NOTIFY_SOCKET: '/x' },
      { ...dependencies, sendDatagram },
    );
    await notifier.ready('up');
    expect(errors.map(String)).toEqual(['Error: no such socket']);
  });

  it('reaches a real datagram socket by the program systemd-notify', async (context) => {
    if (spawnSync('systemd-notify', ['--version']).error)
      context.skip('systemd-notify is not here');
    const directory = await mkdtemp(join(tmpdir(), 'raftwall-notify-'));
    const socket = join(directory, 'notify');
    // systemd-notify adds a BARRIER=1 with a descriptor and waits until it is closed, as recv does by not taking it.
    const script = `use Socket; socket(S, PF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0]));
      $| = 1; print "bound\\n"; recv(S, $b, 4096, 0); $b =~ s/\\n/;/g; print "$b\\n"; recv(S, $b, 4096, 0);`;
    const perl = spawn('perl', ['-e', script, socket]);
    try {
      const lines = createInterface(perl.stdout)[Symbol.asyncIterator]();
      expect((await lines.next()).value).toBe('bound');
      const sending = sendBySystemdNotify(socket, Buffer.from('READY=1\nSTATUS=up'));
      expect((await lines.next()).value).toMatch(/READY=1;STATUS=up/);
      await sending;
    } finally {
      perl.kill();
      if (perl.exitCode === null && perl.signalCode === null) await once(perl, 'exit');
      await rm(directory, { recursive: true });
    }
  });
});
