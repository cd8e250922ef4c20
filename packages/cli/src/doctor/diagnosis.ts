import {
  type AdminClient,
  RefusedError,
  type SurveyReport,
  UnreachableError,
} from '@raftwall/admin-api/client';
import { ConfigError, formatFault, type LoadedConfig, parseConfig } from '@raftwall/daemon/config';
import { parseKeepalived } from '../keepalived-conf.ts';
import { error, type Finding, ok, warning } from './finding.ts';
import type { Host } from './host.ts';
import { keepalivedChecks } from './keepalived-checks.ts';
import { kernelChecks } from './kernel-checks.ts';
import { statusChecks, surveyChecks } from './member-checks.ts';
import { rulesetChecks } from './ruleset-checks.ts';

export interface DiagnosisOptions {
  readonly configFile: string;
  readonly keepalivedFile: string;
}

export interface DiagnosisDependencies {
  readonly host: Host;
  /** The daemon to ask, once its configuration is known. */
  readonly clientFor: (config: LoadedConfig['config'] | null) => AdminClient;
}

/**
 * Looks at everything that can be looked at from here. Each part needs as little as it can: what the files say is checked without
 * a daemon, what the daemon says without files.
 */
export async function diagnose(
  options: DiagnosisOptions,
  { host, clientFor }: DiagnosisDependencies,
): Promise<readonly Finding[]> {
  const { loaded, findings } = await readConfig(options.configFile, host);
  const config = loaded?.config ?? null;
  const isWitness = config?.node.witness === true;
  return [
    ...findings,
    ...(isWitness ? [] : await machineChecks(options, host, config)),
    ...(await daemonChecks(clientFor(config))),
  ];
}

async function readConfig(
  file: string,
  host: Host,
): Promise<{ readonly loaded: LoadedConfig | null; readonly findings: readonly Finding[] }> {
  const text = await host.read(file);
  if (text === null) {
    const trouble = {
      found: `${file} cannot be read`,
      meaning: 'raftwalld and keepalived could not be compared with each other',
      remedy: 'name it with --config; run doctor as root',
    };
    return { loaded: null, findings: [error('config.file', trouble)] };
  }
  try {
    const loaded = parseConfig(text);
    const warnings = loaded.warnings.map(configWarning);
    return { loaded, findings: [ok('config.file', `${file} is valid`), ...warnings] };
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    const findings = cause.faults.map((fault) =>
      error('config.file', {
        found: formatFault(fault),
        meaning: 'raftwalld does not start with it',
        remedy: `mend ${file}; raftwalld --check says the same`,
      }),
    );
    return { loaded: null, findings };
  }
}

/** Warnings of the daemon's own, which say what to do in the same sentence. */
function configWarning(text: string): Finding {
  const [found = text, ...rest] = text.split(': ');
  const advice = rest.join(': ');
  return warning('config.warning', {
    found,
    meaning: advice === '' ? 'raftwalld warns of it at its start' : advice,
    remedy: 'see docs/reference/config.md',
  });
}

async function machineChecks(
  { keepalivedFile }: DiagnosisOptions,
  host: Host,
  config: LoadedConfig['config'] | null,
): Promise<Finding[]> {
  return [
    ...(await kernelChecks(host, config)),
    ...(await rulesetChecks(host, config?.cluster.virtualAddresses ?? null)),
    ...(config === null || config.vrrp === null
      ? []
      : await vrrpChecks(keepalivedFile, host, config)),
  ];
}

async function vrrpChecks(
  file: string,
  host: Host,
  config: LoadedConfig['config'],
): Promise<Finding[]> {
  const text = await host.read(file);
  if (text !== null) return keepalivedChecks(parseKeepalived(text), config);
  const trouble = {
    found: `${file} cannot be read, but vrrp is configured`,
    meaning: 'whether keepalived and raftwalld fit together is not known',
    remedy: 'name the file with --keepalived; run doctor as root',
  };
  return [error('keepalived.file', trouble)];
}

async function daemonChecks(client: AdminClient): Promise<Finding[]> {
  try {
    const status = await client.status();
    const witnesses = new Set(status.members.filter((it) => it.witness).map(({ id }) => id));
    return [
      ok('daemon.reachable', `raftwalld of ${status.node} answers (version ${status.version})`),
      ...statusChecks(status),
      ...surveyFindings(status.quorum ? await survey(client) : null, witnesses),
    ];
  } catch (cause) {
    if (!(cause instanceof UnreachableError)) throw cause;
    const trouble = {
      found: cause.message,
      meaning: 'raftwalld does not run or is not reached: only this machine was looked at',
      remedy: 'systemctl start raftwalld, or name its socket with --socket',
    };
    return [error('daemon.reachable', trouble)];
  }
}

function surveyFindings(report: SurveyReport | null, witnesses: ReadonlySet<string>): Finding[] {
  if (report !== null) return surveyChecks(report, witnesses);
  const trouble = {
    found: 'the members could not be asked how they are set up',
    meaning: 'they were not compared with one another',
    remedy: 'run doctor again when a majority of the members is in contact',
  };
  return [warning('members.survey', trouble)];
}

/** Null if it is refused: without a quorum, or by a daemon that does not know the question. */
async function survey(client: AdminClient): Promise<SurveyReport | null> {
  return await client.survey().catch((cause: unknown) => {
    if (cause instanceof RefusedError) return null;
    throw cause;
  });
}
