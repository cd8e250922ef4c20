import { defineConfig } from 'vitest/config';

/** Coverage of the core by its own tests: what follows the algorithm and not what merely runs through it. */
export default defineConfig({
  test: {
    include: ['test/{paper,golden,bugs}/**/*.test.ts', 'test/unit/core-*.test.ts'],
    // It runs the built package.
    exclude: ['test/unit/core-alone.test.ts'],
    reporters: ['dot'],
    coverage: {
      enabled: true,
      provider: 'v8',
      include: ['src/core/**/*.ts'],
      // Types alone, and exports.
      exclude: ['src/core/{index,message,ready}.ts'],
      reporter: ['text'],
      reportOnFailure: true,
      thresholds: { branches: 97, statements: 97, functions: 97, lines: 97 },
    },
  },
});
