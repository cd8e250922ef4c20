import type { ExpectationFields } from './conntrack-expectation.ts';
import { writeAddresses, writeL4 } from './conntrack-tuple-encoder.ts';
import { CtaExpect, CtaExpectNat } from './ctnetlink-protocol.ts';
import type { MessageWriter } from './message-writer.ts';

/** What names an expectation in a DELETE: its tuple and the zone of its master. */
export function writeExpectationKey(writer: MessageWriter, expectation: ExpectationFields): void {
  const { source, destination, protocol, l4 } = expectation;
  writeTuple(writer, expectation, CtaExpect.tuple, { source, destination, protocol, l4 });
  const { zone } = expectation.master;
  if (zone !== 0) writer.attributeU16(CtaExpect.zone, zone);
}

/** Everything that a new expectation is made of. Its life is the policy's, whatever is said here: see `withTimeout`. */
export function writeNewExpectation(writer: MessageWriter, expectation: ExpectationFields): void {
  const { master, maskSource, maskDestination, maskL4, protocol } = expectation;
  writeExpectationKey(writer, expectation);
  writeTuple(writer, expectation, CtaExpect.mask, {
    source: maskSource,
    destination: maskDestination,
    protocol,
    l4: maskL4,
  });
  writeTuple(writer, expectation, CtaExpect.master, {
    source: master.originalSource,
    destination: master.originalDestination,
    protocol: master.protocol,
    l4: master.originalL4,
  });
  writer.attributeU32(CtaExpect.timeout, expectation.timeoutSeconds);
  writer.attributeU32(CtaExpect.flags, expectation.flags);
  writer.attributeU32(CtaExpect.policy, expectation.policy);
  if (expectation.helper !== '') writer.attributeText(CtaExpect.helper, expectation.helper);
  if (expectation.nextHelper !== '') {
    writer.attributeText(CtaExpect.nextHelper, expectation.nextHelper);
  }
  if (expectation.natDirection >= 0) writeNat(writer, expectation);
}

function writeNat(writer: MessageWriter, expectation: ExpectationFields): void {
  const { natDirection, natSource, natDestination, natProtocol, natL4 } = expectation;
  const at = writer.openNest(CtaExpect.nat);
  writer.attributeU32(CtaExpectNat.direction, natDirection);
  writeTuple(writer, expectation, CtaExpectNat.tuple, {
    source: natSource,
    destination: natDestination,
    protocol: natProtocol,
    l4: natL4,
  });
  writer.closeNest(at);
}

interface Tuple {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly l4: number;
}

function writeTuple(
  writer: MessageWriter,
  { master }: ExpectationFields,
  type: number,
  tuple: Tuple,
): void {
  const at = writer.openNest(type);
  writeAddresses(writer, master.family, tuple.source, tuple.destination);
  writeL4(writer, tuple.protocol, tuple.l4);
  writer.closeNest(at);
}
