import { AdminClient } from '@raftwall/admin-api/client';
import type { Run } from '../context.ts';
import { type DiagnosisOptions, diagnose } from '../doctor/diagnosis.ts';
import { thisHost } from '../doctor/host.ts';
import { EXIT } from '../exit-codes.ts';
import { findingsText } from '../output/findings-text.ts';
import { jsonText } from '../output/table.ts';

/** `doctor`: 0 when nothing is wrong that loses flows, 1 when something is. */
export function doctor(options: DiagnosisOptions): Run {
  return async ({ client, isTargetNamed, terminal, json }) => {
    const findings = await diagnose(options, {
      host: thisHost,
      // The daemon of that configuration, unless another one was named.
      clientFor: (config) =>
        isTargetNamed || config === null
          ? client
          : new AdminClient({ socketPath: config.api.socket }),
    });
    const isWell = findings.every(({ severity }) => severity !== 'error');
    await terminal.out(
      json ? jsonText({ ok: isWell, findings }) : findingsText(findings, terminal),
    );
    return isWell ? EXIT.done : EXIT.refused;
  };
}
