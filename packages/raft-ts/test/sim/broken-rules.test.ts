import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Swarm } from '../../src/testing/swarm.ts';
import { type BrokenRule, brokenRules } from './broken-rules.ts';
import { CompiledSources } from './compiled-sources.ts';

describe('the simulator finds a broken rule', () => {
  let sources: CompiledSources;
  beforeAll(async () => {
    sources = await CompiledSources.make();
  });
  afterAll(() => sources.remove());

  const search = async ({ patches, seedsMax, choice = {} }: BrokenRule) => {
    return await sources.withPatches(patches, () => {
      const options = { firstSeed: 1, seeds: seedsMax, minutes: null, workers: 2, choice };
      return new Swarm(options, { worker: sources.url('testing/sim-worker.ts') }).run();
    });
  };

  it.each(brokenRules)('within $seedsMax seeds: $rule', async (broken) => {
    const [failure] = (await search(broken)).failures;
    console.log(
      `simulator: seed ${failure?.seed} finds «${broken.rule}»: ${failure?.message.slice(0, 100)}`,
    );
    expect(failure?.message).toMatch(broken.found);
  });
});
