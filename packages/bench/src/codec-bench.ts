import {
  FlowRecord,
  OperationReader,
  OperationWriter,
  validateOperations,
} from '@raftwall/flow-table';
import { Packr } from 'msgpackr';
import { medianNs, printRows } from './measure.ts';
import { fillSample } from './sample-flows.ts';

const BATCH = 1000;
const RUNS = 101;

interface FlowObject {
  family: number;
  protocol: number;
  zone: number;
  original: { source: string; destination: string; l4: number };
  reply: { source: string; destination: string; l4: number };
  status: number;
  timeoutSeconds: number;
  tcp?: { state: number; scales: [number, number]; flags: [number, number] };
}

function addressText(address: Uint8Array, family: number): string {
  if (family === 2) return address.subarray(0, 4).join('.');
  return Buffer.from(address)
    .toString('hex')
    .replace(/(....)(?=.)/g, '$1:');
}

function objectOf(flow: FlowRecord): FlowObject {
  const { family, protocol, zone, status, timeoutSeconds } = flow;
  const text = (address: Uint8Array) => addressText(address, family);
  const {
    originalSource,
    originalDestination,
    originalL4,
    replySource,
    replyDestination,
    replyL4,
  } = flow;
  const object: FlowObject = {
    family,
    protocol,
    zone,
    original: {
      source: text(originalSource),
      destination: text(originalDestination),
      l4: originalL4,
    },
    reply: { source: text(replySource), destination: text(replyDestination), l4: replyL4 },
    status,
    timeoutSeconds,
  };
  if (protocol === 6) object.tcp = { state: flow.tcpState, scales: [7, 7], flags: [0x23, 0x23] };
  return object;
}

/** Packed operations against objects in msgpackr and JSON, batches of 1000 flows. */
export function benchCodec(): void {
  const flows = Array.from({ length: BATCH }, (_, number) => {
    const flow = new FlowRecord();
    fillSample(number, flow);
    return flow;
  });
  const objects = flows.map(objectOf);
  const writer = new OperationWriter();
  const pack = () => {
    writer.reset();
    for (const flow of flows) writer.create(flow);
    return writer.view();
  };
  const blob = pack().slice();
  const reader = new OperationReader();
  const plain = new Packr({ useRecords: false });
  const records = new Packr();
  const plainBytes = plain.pack(objects);
  const recordBytes = records.pack(objects);
  const json = JSON.stringify(objects);
  const measure = (what: string, work: () => unknown, bytes?: number) => {
    const ns = medianNs(RUNS, BATCH, () => void work());
    return bytes === undefined ? { what, ns } : { what, ns, bytes: bytes / BATCH };
  };
  let sum = 0;
  printRows('encode, per flow', [
    measure('packed operations', pack, blob.length),
    measure('msgpackr records', () => records.pack(objects), recordBytes.length),
    measure('msgpackr maps', () => plain.pack(objects), plainBytes.length),
    measure('JSON', () => JSON.stringify(objects), json.length),
  ]);
  printRows('decode, per flow', [
    measure('packed operations, all fields', () => {
      reader.reset(blob);
      while (reader.next()) sum += reader.fields.status;
    }),
    measure('packed operations, check and find keys only', () => validateOperations(blob)),
    measure('msgpackr records', () => records.unpack(recordBytes)),
    measure('msgpackr maps', () => plain.unpack(plainBytes)),
    measure('JSON', () => JSON.parse(json)),
  ]);
  if (sum < 0) console.log(sum);
}
