import { pathToFileURL } from 'node:url';
import { beginFile, cases } from './collector.ts';

/** Runs test files in this process and prints one line of JSON for each test that fails; the exit code is their number. */
for (const file of process.argv.slice(2)) {
  beginFile(file);
  await import(pathToFileURL(file).href);
}
let failed = 0;
for (const { name, run } of cases()) {
  try {
    await run();
  } catch (error) {
    failed++;
    console.log(JSON.stringify({ name, message: String(error).split('\n')[0] }));
  }
}
console.log(JSON.stringify({ passed: cases().length - failed, failed }));
// Members that a failed test left open must not hold the process.
process.exit(Math.min(failed, 100));
