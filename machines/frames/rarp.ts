/**
 * The announcement that makes switches learn where a VM is now: a broadcast RARP request with the VM's address as
 * source, as hypervisors send it after a migration (RFC 903; nobody has to answer it).
 *
 *     14  hardware type 1   16  protocol 0x0800   18  6   19  4   20  operation 3 (request reverse)
 *     22  sender MAC        28  sender IP 0       32  target MAC  38  target IP 0   42  zeros to 60
 */
import { BROADCAST, ETHERTYPE_RARP, writeMac } from './ethernet.ts';
import { FRAME, HEADER_BYTES, writeHeader } from './records.ts';
import type { RecordWriter } from './writer.ts';

/** Shortest Ethernet frame without FCS. */
const FRAME_BYTES = 60;

/** The frame alone, 60 bytes. `mac` is a 48-bit unicast address. */
export function announcement(mac: number): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES);
  writeMac(frame, 0, BROADCAST);
  writeMac(frame, 6, mac);
  frame.writeUInt16BE(ETHERTYPE_RARP, 12);
  frame.writeUInt16BE(1, 14);
  frame.writeUInt16BE(0x0800, 16);
  frame[18] = 6;
  frame[19] = 4;
  frame.writeUInt16BE(3, 20);
  writeMac(frame, 22, mac);
  writeMac(frame, 32, mac);
  return frame;
}

/** One FRAME record for each address, one behind the other. */
export function announcementRecords(macs: readonly number[]): Buffer {
  const step = HEADER_BYTES + FRAME_BYTES;
  const records = Buffer.alloc(step * macs.length);
  macs.forEach((mac, index) => {
    writeHeader(records, index * step, FRAME, FRAME_BYTES);
    announcement(mac).copy(records, index * step + HEADER_BYTES);
  });
  return records;
}

/** Appends the announcement of one address as a FRAME record. */
export function writeAnnouncement(out: RecordWriter, mac: number): void {
  out.frame(announcement(mac), 0, FRAME_BYTES);
}
