import { parseArgs } from 'node:util';

export const usage =
  'usage: main.js --id ID --peers ID=HOST:PORT,ID=HOST:PORT,... --data DIRECTORY --http PORT [--listen HOST:PORT]';

/**
 * What one member needs to know.
 *
 * @typedef {object} Arguments
 * @property {string} id Name of this member, one of `members`.
 * @property {Record<string, string>} members Every member and where it listens for the others, equal on all members.
 * @property {string} listen Where this member listens for the others: as `members` says, unless a proxy stands in between.
 * @property {string} data Directory of this member alone: its log, term and vote.
 * @property {number} httpPort Where clients are served, 0 to 65535; 0 takes any free port.
 */

/**
 * @param {readonly string[]} words As in `process.argv`, without program and script.
 * @returns {Arguments}
 * @throws {TypeError} If something is missing, unknown or cannot be understood.
 */
export function parseArguments(words) {
  const { values } = parseArgs({
    args: [...words],
    options: {
      id: { type: 'string' },
      peers: { type: 'string' },
      data: { type: 'string' },
      http: { type: 'string' },
      listen: { type: 'string' },
    },
  });
  const { id, peers, data, http } = values;
  if (!id || !peers || !data || !http) throw new TypeError('an option is missing');
  const members = parsePeers(peers);
  if (!Object.hasOwn(members, id)) throw new TypeError(`--peers must name member ${id}`);
  const httpPort = Number(http);
  if (!(Number.isInteger(httpPort) && httpPort >= 0 && httpPort <= 65535)) {
    throw new TypeError(`--http must be a port, got ${http}`);
  }
  return {
    id,
    members,
    listen: values.listen ?? /** @type {string} */ (members[id]),
    data,
    httpPort,
  };
}

/** @param {string} text */
function parsePeers(text) {
  const pairs = text.split(',').map((pair) => {
    const [, id, address] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
    if (id === undefined || address === undefined) {
      throw new TypeError(`--peers must be a list of ID=HOST:PORT, got ${pair}`);
    }
    return [id, address];
  });
  const members = Object.fromEntries(pairs);
  if (Object.keys(members).length < pairs.length) throw new TypeError('--peers names an id twice');
  return members;
}
