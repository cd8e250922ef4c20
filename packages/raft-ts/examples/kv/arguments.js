import { parseArgs } from 'node:util';

export const usage = `usage: main.js --id ID --peers ID=HOST:PORT,ID=HOST:PORT,... --data DIRECTORY --http PORT
  --listen HOST:PORT      where this member listens for the others, when that is not what --peers says
  --join                  this member is added to a running group, which --peers names without it; needs --listen
  --snapshot-entries N    log entries after which a snapshot is taken, and older ones forgotten (10000)
  --segment-bytes N       size of a file of the log (8388608)
  --help                  says this`;

/** What an id may be long, bytes: log and transport have room for so much. */
const idBytesMax = 255;

/**
 * What one member needs to know.
 *
 * @typedef {object} Arguments
 * @property {string} id Name of this member.
 * @property {Record<string, string>} members The first members and where to dial each; equal on all of them.
 * @property {string} listen Where this member listens for the others.
 * @property {string} advertise Where the others dial it.
 * @property {string} data Directory of this member alone: log, term and vote, snapshots, known peers.
 * @property {number} httpPort Where clients are served, 0 to 65535; 0 takes any free port.
 * @property {number} snapshotEntries Log entries between two snapshots.
 * @property {number} segmentBytes Size of a file of the log.
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
      join: { type: 'boolean', default: false },
      'snapshot-entries': { type: 'string', default: '10000' },
      'segment-bytes': { type: 'string', default: '8388608' },
    },
  });
  for (const name of /** @type {const} */ (['id', 'peers', 'data', 'http'])) {
    if (!values[name]) throw new TypeError(`--${name} is missing`);
  }
  const { id = '', peers = '', data = '', http, join } = values;
  assertId('--id', id);
  const members = parsePeers(peers);
  const own = Object.hasOwn(members, id) ? members[id] : undefined;
  if (join && own !== undefined)
    throw new TypeError(`--peers must not name member ${id}, which joins`);
  if (!join && own === undefined) throw new TypeError(`--peers must name member ${id}`);
  const listen = values.listen ?? own;
  if (listen === undefined) throw new TypeError('--listen is missing');
  return {
    id,
    members,
    listen: parseAddress('--listen', listen),
    advertise: own ?? listen,
    data,
    httpPort: parseNumber('--http', http, 0, 65535),
    snapshotEntries: parseNumber('--snapshot-entries', values['snapshot-entries'], 1, 2 ** 31),
    segmentBytes: parseNumber('--segment-bytes', values['segment-bytes'], 4096, 2 ** 30),
  };
}

/** @param {string} text */
function parsePeers(text) {
  const pairs = text.split(',').map((pair) => {
    const [, id, address] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
    if (id === undefined || address === undefined) {
      throw new TypeError(`--peers must be a list of ID=HOST:PORT, got ${pair}`);
    }
    assertId('--peers', id);
    return [id, parseAddress('--peers', address)];
  });
  const members = Object.fromEntries(pairs);
  if (Object.keys(members).length < pairs.length) throw new TypeError('--peers names an id twice');
  const addresses = pairs.map(([, address]) => address);
  const twice = addresses.find((address, i) => addresses.indexOf(address) < i);
  if (twice !== undefined) throw new TypeError(`--peers names the address ${twice} twice`);
  return members;
}

/**
 * @param {string} option
 * @param {string} id
 */
function assertId(option, id) {
  const bytes = Buffer.byteLength(id);
  if (bytes <= idBytesMax) return;
  throw new TypeError(`${option}: an id has at most ${idBytesMax} bytes, not ${bytes}`);
}

/**
 * @param {string} option
 * @param {string} text
 */
function parseAddress(option, text) {
  const [, port] = /^(?:[^:]+|\[[^\]]+\]):(\d+)$/.exec(text) ?? [];
  if (port === undefined || Number(port) < 1 || Number(port) > 65535) {
    throw new TypeError(`${option}: ${text} is not HOST:PORT`);
  }
  return text;
}

/**
 * @param {string} option
 * @param {string | undefined} text
 * @param {number} min
 * @param {number} max
 */
function parseNumber(option, text = '', min, max) {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new TypeError(`${option} must be a number from ${min} to ${max}, got ${text}`);
}
