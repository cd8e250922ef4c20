/**
 * One member of a replicated key-value store. Start three, in three terminals:
 *
 *     node main.js --id 1 --peers 1=localhost:7001,2=localhost:7002,3=localhost:7003 --data /tmp/kv1 --http 8001
 *
 * This page reads the command line and listens for signals, before anything slow begins; `member.js` does the rest.
 */
import { parseArguments, usage } from './arguments.js';

/**
 * How to leave now: before the member runs there is nothing to hand over, and its files bear any end.
 *
 * @type {() => unknown}
 */
let leave = () => process.exit(0);
process.once('SIGTERM', () => leave());
process.once('SIGINT', () => leave());

const options = readArguments();
const { runMember } = await import('./member.js');
leave = await runMember(options);

function readArguments() {
  const words = process.argv.slice(2);
  if (words.includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArguments(words);
  } catch (error) {
    console.error(`${/** @type {Error} */ (error).message}\n${usage}`);
    process.exit(2);
  }
}
