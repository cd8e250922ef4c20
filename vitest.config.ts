import { defineConfig } from 'vitest/config';

/** Tests of one package import its sources; other packages are seen as built, so `npm run build` comes first. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'packages/*/test/unit/**/*.test.ts',
            'packages/raft-ts/test/{paper,golden,bugs}/**/*.test.ts',
            'test/repository/**/*.test.ts',
          ],
        },
      },
      { test: { name: 'contract', include: ['packages/*/test/contract/**/*.test.ts'] } },
      {
        test: {
          name: 'guards',
          include: ['packages/raft-ts/test/mutation/guards.test.ts'],
        },
      },
      {
        test: {
          name: 'mutants',
          include: ['packages/raft-ts/test/mutation/mutants.test.ts'],
          testTimeout: 1_800_000,
        },
      },
      {
        test: {
          name: 'sim',
          include: ['packages/*/test/sim/**/*.test.ts'],
          // Each file may use all cores.
          fileParallelism: false,
          testTimeout: 900_000,
        },
      },
      {
        test: {
          name: 'process',
          include: ['packages/*/test/process/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['packages/*/test/kernel/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'lab',
          include: ['packages/lab/test/{testcase,deploy}/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'failover',
          include: ['packages/lab/test/failover/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
