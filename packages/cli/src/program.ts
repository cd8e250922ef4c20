import { Command } from 'commander';
import {
  activations,
  changeMembers,
  config,
  drain,
  members,
  transfer,
  undrain,
} from './commands/cluster.ts';
import { doctor } from './commands/doctor.ts';
import { deleteFlows, type FlowFilterOptions, flows } from './commands/flows.ts';
import { importConfig } from './commands/import.ts';
import { addMemberAndWait } from './commands/joining.ts';
import { keepalivedConfig } from './commands/keepalived-config.ts';
import { createAuthority, issueCertificate } from './commands/pki.ts';
import { printText, status, statusWhenReady } from './commands/status.ts';
import { verify } from './commands/verify.ts';
import { watch } from './commands/watch.ts';
import { completionScript } from './completion.ts';
import type { Run } from './context.ts';
import { addGlobalOptions } from './global-options.ts';
import { VERSION } from './version.ts';

/** Hears which command was chosen; only then something runs. */
export type Choose = (run: Run, command: Command) => void;

/** The commands with their options and help. */
export function createProgram(choose: Choose): Command {
  const program = addGlobalOptions(new Command('raftwall'))
    .description('Asks and steers the raftwalld of this firewall')
    .version(VERSION)
    .addHelpText('after', AFTER_HELP);
  const add = (synopsis: string, description: string) =>
    // Global options count behind the command too.
    addGlobalOptions(program.command(synopsis).description(description)).allowExcessArguments(
      false,
    );
  add('status', 'what this node knows of itself and its cluster')
    .option('--wait-ready <seconds>', 'wait until the node is ready; exit 4 if it is not in time')
    .action(({ waitReady }: { waitReady?: string }, command: Command) =>
      choose(waitReady === undefined ? status : statusWhenReady(waitReady), command),
    );
  const listing = addFlows(add).action((options: FlowFilterOptions, command: Command) =>
    choose(flows(onlyFilters(options)), command),
  );
  addGlobalOptions(listing.command('delete').allowExcessArguments(false))
    .description('end the flows that match the filters of `flows`; on the active node')
    .option('--all', 'every flow, where there is no filter')
    .action(({ all }: { all?: true }, command: Command) =>
      choose(deleteFlows(onlyFilters(command.optsWithGlobals()), all === true), command),
    );
  add('config', 'the configuration in force, what names secrets hidden').action(
    (_options, command) => choose(config, command),
  );
  add('completion <shell>', 'a script that completes commands: bash, zsh or fish').action(
    (shell: string, _options, command: Command) => {
      const script = completionScript(program, shell);
      choose(printText(script), command);
    },
  );
  addPki(add, choose);
  addMembers(add, choose);
  add('activations', 'which node became active when, and who was refused').action(
    (_options, command) => choose(activations, command),
  );
  add('transfer <node>', 'move leadership, and by VRRP the virtual addresses, to a member').action(
    (node: string, _options, command: Command) => choose(transfer(node), command),
  );
  add('drain', 'hand traffic and leadership over before maintenance, and take none').action(
    (_options, command: Command) => choose(drain, command),
  );
  add('undrain', 'end `drain`').action((_options, command: Command) => choose(undrain, command));
  add(
    'verify',
    'compare kernels and tables of all members, flow by flow where they differ; exit 1 if they do',
  )
    .option(
      '--repair',
      'mend kernels first, and then the tables that differ from that of the active node',
    )
    .action(({ repair }: { repair?: boolean }, command: Command) =>
      choose(verify(repair === true), command),
    );
  addHost(add, choose);
  add('watch', 'what happens on this node, line by line').action((_options, command) =>
    choose(watch, command),
  );
  return program;
}

/** What looks at this machine and its files, and works without a daemon. */
function addHost(add: Add, choose: Choose): void {
  add('keepalived-config', "print keepalived's configuration for this node, from its own file")
    .option(
      '--config <file>',
      "raftwalld's configuration; unless given, /etc/raftwall/raftwall.yaml",
    )
    .action(({ config }: { config?: string }, command: Command) =>
      choose(keepalivedConfig(config), command),
    );
  add(
    'doctor',
    'looks at kernel, rules, keepalived and configuration of this firewall, and compares the members; run it as root',
  )
    .option('--config <file>', 'the configuration of raftwalld', CONFIG_DEFAULT)
    .option('--keepalived <file>', 'the configuration of keepalived', KEEPALIVED_DEFAULT)
    .action(({ config, keepalived }: { config: string; keepalived: string }, command: Command) =>
      choose(doctor({ configFile: config, keepalivedFile: keepalived }), command),
    );
  add(
    'import <file>',
    'the configuration that does what a conntrackd.conf did, and what became of each statement; where something is to be filled in, it says so',
  )
    .option('--keepalived <file>', 'take virtual addresses and group from this keepalived.conf')
    .action((file: string, { keepalived }: { keepalived?: string }, command: Command) =>
      choose(importConfig(file, keepalived), command),
    );
}

const CONFIG_DEFAULT = '/etc/raftwall/raftwall.yaml';
const KEEPALIVED_DEFAULT = '/etc/keepalived/keepalived.conf';

const AFTER_HELP = `
conntrackd's verbs -i -e -x -c -f -F -R -B -n -t -s -k work too; see raftwall -s --help.

Exit codes: 0 done, 1 refused or failed, 2 usage, 3 daemon unreachable, 4 not ready (status --wait-ready).`;

const FILTERS = [
  'proto',
  'src',
  'dst',
  'sport',
  'dport',
  'state',
  'zone',
  'mark',
  'limit',
] as const;

type Add = (synopsis: string, description: string) => Command;

/** `pki`, and below it what makes keys and certificates; needs no daemon. */
function addPki(add: Add, choose: Choose): void {
  const pki = add('pki', 'make the authority of a cluster and the certificates of its members');
  const days = (text: string) => `how long it is valid, in days (default: ${text})`;
  addGlobalOptions(pki.command('create <directory> <cluster>'))
    .description('make the authority of a cluster; keep its key off the firewalls')
    .option('--days <days>', days('3650'))
    .action((directory: string, cluster: string, options: { days?: string }, command: Command) =>
      choose(createAuthority(directory, cluster, options.days ?? '3650'), command),
    );
  addGlobalOptions(pki.command('issue <directory> <node>'))
    .description('make key and certificate of the member with this id')
    .option('--days <days>', days('825'))
    .action((directory: string, node: string, options: { days?: string }, command: Command) =>
      choose(issueCertificate(directory, node, options.days ?? '825'), command),
    );
}

/** `members`, and below it what changes them. */
function addMembers(add: Add, choose: Choose): void {
  const list = add('members', 'the members of the cluster; below it, what changes them').action(
    (_options, command: Command) => choose(members, command),
  );
  const below = (synopsis: string, description: string) =>
    addGlobalOptions(list.command(synopsis).description(description)).allowExcessArguments(false);
  below('add <node> <address>', 'add a member (host:port) that has no vote yet; ask the leader')
    .option('--wait <seconds>', 'say how far it has come until it is level; exit 4 if not in time')
    .action((id: string, address: string, { wait }: { wait?: string }, command: Command) =>
      choose(
        wait === undefined
          ? changeMembers({ kind: 'add', id, address })
          : addMemberAndWait(id, address, wait),
        command,
      ),
    );
  const changes = {
    promote: 'give a member that is level a vote',
    remove: 'remove a member; it comes back only with an empty data directory',
  };
  for (const [kind, description] of Object.entries(changes)) {
    below(`${kind} <node>`, description).action((id: string, _options, command: Command) =>
      choose(changeMembers({ kind: kind as 'promote' | 'remove', id }), command),
    );
  }
}

function addFlows(add: (synopsis: string, description: string) => Command): Command {
  return add('flows', 'the replicated flows, in the style of conntrack -L; --json gives NDJSON')
    .option('--proto <name>', 'protocol: a name such as tcp, or a number')
    .option('--src <prefix>', 'original source: address or prefix')
    .option('--dst <prefix>', 'original destination: address or prefix')
    .option('--sport <port>', 'original source port')
    .option('--dport <port>', 'original destination port')
    .option('--state <state>', 'state of TCP, SCTP or DCCP, such as ESTABLISHED')
    .option('--zone <zone>', 'conntrack zone')
    .option('--mark <mark>', 'mark, decimal or hexadecimal')
    .option('--limit <count>', 'at most so many flows');
}

function onlyFilters(options: FlowFilterOptions): FlowFilterOptions {
  const given = FILTERS.filter((name) => options[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, options[name]]));
}
