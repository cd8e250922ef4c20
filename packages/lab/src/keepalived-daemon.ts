import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plan } from './address-plan.ts';
import { ManagedProcess } from './managed-process.ts';
import { killNow, type Namespace } from './namespace.ts';
import type { VrrpMode } from './raftwall-daemon.ts';
import { waitFor } from './wait.ts';

/** How one firewall's keepalived is set up. */
export interface KeepalivedOptions {
  readonly runDirectory: string;
  /** Where raftwalld finds the FIFO and writes the track file. */
  readonly stateDirectory: string;
  readonly ipv6: boolean;
  readonly mode: VrrpMode;
  /**
   * A second pair of virtual addresses in an instance of its own, with this base priority and preemption; the sync group then
   * has `nopreempt`. null: one pair.
   */
  readonly secondPriority: number | null;
  /** Base priority, 1 to 254. Default 100, equal on all nodes. */
  readonly priority?: number;
}

type VrrpWord = 'MASTER' | 'BACKUP' | 'FAULT';

/** The real keepalived, in the foreground inside a firewall. */
export class KeepalivedDaemon {
  readonly #options: KeepalivedOptions;
  #process: ManagedProcess | null = null;
  #states = new Map<string, VrrpWord>();

  constructor(options: KeepalivedOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  /** Writes the configuration and starts. `priority` is for this start alone. */
  start(namespace: Namespace, priority = this.#options.priority ?? 100): void {
    const { runDirectory, stateDirectory } = this.#options;
    mkdirSync(runDirectory, { recursive: true });
    mkdirSync(stateDirectory, { recursive: true });
    const configFile = join(runDirectory, 'keepalived.conf');
    writeFileSync(configFile, keepalivedConfig({ ...this.#options, priority }));
    this.#states = new Map();
    const pidFiles = ['keepalived.pid', 'vrrp.pid'].map((name) => join(runDirectory, name));
    // A machine that was without power has an empty /run; the numbers in old files may be anybody's by now.
    for (const pidFile of pidFiles) rmSync(pidFile, { force: true });
    const child = namespace.spawn(
      'keepalived',
      ['--dont-fork', '--vrrp', '--log-console', '--log-detail', '--use-file', configFile]
        .concat(['--pid', pidFiles[0]!])
        .concat(['--vrrp_pid', pidFiles[1]!]),
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#process = new ManagedProcess(child, {
      name: `keepalived in ${namespace.name}`,
      logFile: join(runDirectory, 'keepalived.log'),
      onLine: (line) => this.#takeLine(line),
    });
  }

  /** What the instance with the second pair has said last. */
  get secondState(): VrrpWord | null {
    return this.#states.get('VI_red') ?? null;
  }

  /** Waits until all instances of its sync group have said that they are in `state`. */
  async waitForState(state: VrrpWord, timeoutMs = 15_000): Promise<void> {
    const count = this.#options.ipv6 ? 4 : 2;
    await waitFor(
      `keepalived in ${this.#options.runDirectory} becomes ${state}`,
      () => {
        this.#process?.assertRunning();
        const group = [...this.#states].filter(([name]) => name !== 'VI_red');
        const states = group.map(([, word]) => word);
        return states.length === count && states.every((s) => s === state) ? true : null;
      },
      { timeoutMs, intervalMs: 20 },
    );
  }

  /** SIGKILL to all its processes, as a crash: the addresses stay. */
  async kill(): Promise<void> {
    const pids = ['vrrp.pid', 'keepalived.pid'].map((name) =>
      Number(readFileSync(join(this.#options.runDirectory, name), 'utf8')),
    );
    killNow(pids);
    await this.#process?.end('SIGKILL');
    this.#process = null;
  }

  /** A clean stop: it gives the addresses up. */
  async stop(): Promise<void> {
    await this.#process?.end('SIGTERM');
    this.#process = null;
  }

  #takeLine(line: string): void {
    const match = /\((VI_\w+)\) Entering (MASTER|BACKUP|FAULT) STATE/i.exec(line);
    if (match !== null) this.#states.set(match[1]!, match[2] as VrrpWord);
  }
}

/** keepalived's configuration for each `vrrp.mode`: the track file adds to the priority, in `strict` a 0 in it is FAULT. One statement a line: it ignores what follows
 * a brace on the same line. */
function keepalivedConfig(options: KeepalivedOptions & { readonly priority: number }): string {
  const { stateDirectory, mode, secondPriority } = options;
  const instances: readonly (readonly [string, string, number, string])[] = [
    ['VI_in', 'eth1', 51, `${plan.virtualLeft}/24`],
    ['VI_out', 'eth0', 52, `${plan.virtualRight}/24`],
    ...(options.ipv6
      ? ([
          ['VI_in6', 'eth1', 53, `${plan.virtualLeft6}/64`],
          ['VI_out6', 'eth0', 54, `${plan.virtualRight6}/64`],
        ] as const)
      : []),
  ];
  const names = instances.map(([name]) => `    ${name}\n`).join('');
  return `global_defs {
  vrrp_version 3
  vrrp_notify_fifo ${join(stateDirectory, 'fifo')}
}
track_file ready {
  file "${join(stateDirectory, 'ready')}"
  weight ${mode === 'strict' ? '0 reverse' : '20'}
}
vrrp_sync_group G1 {
  group {
${names}  }
${mode === 'strict' ? '' : '  sync_group_tracking_weight\n'}  track_file {
    ready
  }
}
${instances.map((instance) => instanceConfig(instance, options)).join('')}${
  secondPriority === null ? '' : secondPairConfig(stateDirectory, secondPriority)
}`;
}

/** Both addresses in one instance: they move together without a sync group. */
function secondPairConfig(stateDirectory: string, priority: number): string {
  return `track_file ready_red {
  file "${join(stateDirectory, 'ready-red')}"
  weight 20
}
vrrp_instance VI_red {
  state BACKUP
  interface eth1
  virtual_router_id 61
  priority ${priority}
  advert_int 0.3
  virtual_ipaddress {
    ${plan.virtualLeft2}/24 dev eth1
    ${plan.virtualRight2}/24 dev eth0
  }
  track_file {
    ready_red
  }
}
`;
}

function instanceConfig(
  [name, device, id, address]: readonly [string, string, number, string],
  options: Pick<KeepalivedOptions, 'mode' | 'secondPriority'> & { readonly priority: number },
): string {
  const family = address.includes(':') ? '  native_ipv6\n' : '';
  const { priority, mode, secondPriority } = options;
  const stays = mode === 'strict' || secondPriority !== null;
  const preemption = stays ? '  nopreempt\n' : '';
  return `vrrp_instance ${name} {
  state BACKUP
  interface ${device}
  virtual_router_id ${id}
  priority ${priority}
  advert_int 0.3
${preemption}${family}  virtual_ipaddress {
    ${address} dev ${device}
  }
}
`;
}
