import type { CommandContext, Run } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { jsonText } from '../output/table.ts';
import { verifyText } from '../output/verify-text.ts';

const progressIntervalMs = 1_000;

/** `verify`: 0 when kernels and tables are equal on all members, 1 when not. */
export function verify(repair: boolean): Run {
  return async (context) => {
    const { client, terminal, json } = context;
    const stopProgress = terminal.isInteractive ? showProgress(context) : () => undefined;
    const report = await client.verify({ repair }).finally(stopProgress);
    await terminal.out(json ? jsonText(report) : verifyText(report));
    return report.equal ? EXIT.done : EXIT.refused;
  };
}

/** A person who waits sees for whom. */
function showProgress({ client, terminal }: CommandContext): () => void {
  const timer = setInterval(async () => {
    // The comparison itself says if the daemon cannot be reached any more.
    const status = await client.status().catch(() => null);
    const { phase, answered, asked } = status?.verifying ?? {};
    if (phase !== undefined) terminal.err(`${phase}: ${answered} of ${asked} members answered\n`);
  }, progressIntervalMs);
  return () => clearInterval(timer);
}
