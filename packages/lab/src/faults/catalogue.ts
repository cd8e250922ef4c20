import { cutLeftLink, cutMemberLink } from './cut-link.ts';
import { downedInterface } from './downed-interface.ts';
import { deafMember, muteMember, splitVrrp } from './dropped-packets.ts';
import { exhaustedMemory } from './exhausted-memory.ts';
import { expiredCertificate } from './expired-certificate.ts';
import { failedSync } from './failed-sync.ts';
import type { Fault } from './fault.ts';
import { flippedBit } from './flipped-bit.ts';
import { flushedRuleset } from './flushed-ruleset.ts';
import { flushedTable } from './flushed-table.ts';
import { frozenDaemon } from './frozen-daemon.ts';
import { frozenMachine } from './frozen-machine.ts';
import { fullDisk } from './full-disk.ts';
import { jumpedClock } from './jumped-clock.ts';
import { killedDaemon } from './killed-daemon.ts';
import { killedKeepalived } from './killed-keepalived.ts';
import { powerLoss } from './power-loss.ts';
import { removedAddress } from './removed-address.ts';
import { slowLink } from './slow-link.ts';
import { wipedDisk } from './wiped-disk.ts';

/** All faults, those that say most first. */
export const faults: readonly Fault[] = [
  ...[powerLoss, killedDaemon, frozenDaemon, frozenMachine, killedKeepalived],
  ...[cutLeftLink, downedInterface, removedAddress, splitVrrp],
  ...[cutMemberLink, deafMember, muteMember, slowLink],
  ...[failedSync, fullDisk, flippedBit, wipedDisk],
  ...[exhaustedMemory, jumpedClock, expiredCertificate, flushedTable, flushedRuleset],
];
