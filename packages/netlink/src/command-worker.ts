import { constants } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import {
  type CommandPlace,
  CommandQueue,
  type CommandQueueShape,
  UNANSWERED,
} from './command-queue.ts';
import { SUBSYSTEM_CTNETLINK } from './ctnetlink-protocol.ts';
import { DatagramRing } from './datagram-ring.ts';
import { lastErrno, libc } from './libc.ts';
import { MESSAGE_HEADER_BYTES, NLMSG_ERROR } from './netlink-protocol.ts';
import { receiveInto } from './receive-loop.ts';

/** What the command worker is started with. */
export interface CommandWorkerData {
  readonly fd: number;
  readonly queue: CommandQueueShape;
}

const ANSWERS = 128;
const ANSWER_BYTES_MAX = 2048;
/** The kernel has worked on a batch when send returns, so answers are there at once; silence is a fault. */
const SILENT_RECEIVES_MAX = 10;

const data = workerData as CommandWorkerData;
const queue = new CommandQueue(data.queue);
const answers = DatagramRing.allocate(ANSWERS, ANSWER_BYTES_MAX);

function execute(place: CommandPlace): void {
  if (libc.send(data.fd, place.request, place.requestLength, 0) < 0) {
    place.errnos.fill(lastErrno(), 0, place.count);
    return;
  }
  const overruns = answers.overruns();
  let silent = 0;
  while (silent < SILENT_RECEIVES_MAX) {
    const received = receiveInto(data.fd, answers, () => undefined);
    if (received === 0) silent++;
    else if (collect(place, received)) break;
  }
  const lost = answers.overruns() !== overruns || silent === SILENT_RECEIVES_MAX;
  settleUnanswered(place, lost ? constants.errno.ENOBUFS : 0);
}

/** Only the last message asks for an acknowledgement: no answer means done, unless answers were lost. */
function settleUnanswered(place: CommandPlace, errno: number): void {
  const { errnos, count } = place;
  for (let index = 0; index < count; index++) {
    if (errnos[index] === UNANSWERED) errnos[index] = errno;
  }
}

/** @returns Whether the answer to the last message was among them. */
function collect(place: CommandPlace, received: number): boolean {
  answers.publish(received);
  answers.open(received);
  let last = false;
  while (answers.nextDatagram()) {
    const view = answers.view;
    for (let at = answers.offset; answers.end - at >= MESSAGE_HEADER_BYTES; ) {
      const length = view.getUint32(at, true);
      if (length < MESSAGE_HEADER_BYTES || length > answers.end - at) break;
      last = answer(place, view, at, length) || last;
      at += (length + 3) & ~3;
    }
  }
  answers.release();
  return last;
}

function answer(place: CommandPlace, view: DataView, at: number, length: number): boolean {
  const type = view.getUint16(at + 4, true);
  const index = (view.getUint32(at + 8, true) - place.firstSequence) >>> 0;
  if (index >= place.count) return false;
  if (type === NLMSG_ERROR && length >= MESSAGE_HEADER_BYTES + 4) {
    const errno = -view.getInt32(at + MESSAGE_HEADER_BYTES, true);
    // An acknowledgement does not hide that the answer found no room.
    if (place.errnos[index] === UNANSWERED) place.errnos[index] = errno;
    return index === place.count - 1;
  }
  if (type >>> 8 === SUBSYSTEM_CTNETLINK && !place.append(answers.words, at, length)) {
    place.errnos[index] = constants.errno.EMSGSIZE;
  }
  return false;
}

answers.prepareWriter();
for (let done = queue.completed(); queue.waitForWork(done); ) {
  execute(queue.place(done));
  done = (done + 1) | 0;
  if (queue.complete()) parentPort?.postMessage(null);
}
