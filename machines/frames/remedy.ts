/**
 * OFFLOAD records that no kernel and no other end can be given as they are, though nothing is wrong with them, and what
 * is to be done:
 *
 * - `cut`: the super-frame of a tunnel. The virtio header has no word for the headers around the innermost packet, so
 *   who gets it would leave them as they are. Also an SCTP packet whose checksum is to be finished (no super-frame).
 * - `start`: a super-frame without NEEDS_CSUM. Receive offloads that only put packets one behind the other
 *   (`rx-gro-list`), and ends that finish checksums, hand it over so. Its checksum is that of its first segment, or of
 *   all of it, and right for no other; started anew it is finished by who cuts it.
 */
import { fold, pseudoSum } from './checksum.ts';
import { IpLayout, locate, TCP } from './parse-ip.ts';
import { HEADER_BYTES, VNET_HEADER_BYTES } from './records.ts';
import { OuterHeaders } from './tunnel.ts';
import {
  checkOffload,
  GSO_NONE,
  isStartedSctp,
  locateSuper,
  NEEDS_CSUM,
  newVirtio,
  readVirtio,
  writeVirtio,
} from './virtio.ts';
import type { RecordWriter } from './writer.ts';

export type Remedy = 'none' | 'start' | 'cut';

const header = newVirtio();
const layout = new IpLayout();
const outer = new OuterHeaders();

/** What the OFFLOAD record in `[start, end)` needs. What no super-frame can be needs `cut`, which refuses it. */
export function remedyOf(buffer: Buffer, start: number, end: number): Remedy {
  const frame = start + HEADER_BYTES + VNET_HEADER_BYTES;
  readVirtio(buffer, start + HEADER_BYTES, header);
  if (header.gsoType === GSO_NONE) return isStartedSctp(buffer, frame, end, header, layout) ? 'cut' : 'none';
  if ((header.flags & NEEDS_CSUM) !== 0) {
    const plain = locate(buffer, frame, end, layout) && layout.l4 === frame + header.csumStart;
    return plain ? 'none' : 'cut';
  }
  const there = locateSuper(buffer, frame, end, header, layout, outer);
  return there && outer.count === 0 && locate(buffer, frame, end, layout) ? 'start' : 'cut';
}

/**
 * Where the transport header stands that the virtio header of the super-frame in `[start, end)` speaks of; its record
 * is one that `checkOffload` takes.
 */
export function transportOf(buffer: Buffer, start: number, end: number): number {
  const frame = start + HEADER_BYTES + VNET_HEADER_BYTES;
  readVirtio(buffer, start + HEADER_BYTES, header);
  if ((header.flags & NEEDS_CSUM) !== 0) return frame + header.csumStart;
  return locateSuper(buffer, frame, end, header, layout, outer) ? layout.l4 : end;
}

/** Appends the same record with its checksum only started. @returns `bad-offload`, and nothing appended, if it is wrong */
export function startChecksum(
  buffer: Buffer,
  start: number,
  end: number,
  out: RecordWriter,
): 'bad-offload' | undefined {
  if (checkOffload(buffer, start, end) !== true) return 'bad-offload';
  const frame = start + HEADER_BYTES + VNET_HEADER_BYTES;
  readVirtio(buffer, start + HEADER_BYTES, header);
  locateSuper(buffer, frame, end, header, layout, outer);
  const { l3, l4, version, protocol } = layout;
  header.flags |= NEEDS_CSUM;
  header.csumStart = l4 - frame;
  header.csumOffset = protocol === TCP ? 16 : 6;
  const at = out.length;
  out.copy(buffer, start, end);
  writeVirtio(out.buffer, at + HEADER_BYTES, header);
  const pseudo = fold(pseudoSum(buffer, l3, version, protocol) + (end - l4));
  out.buffer.writeUInt16BE(pseudo, at + l4 - start + header.csumOffset);
  return undefined;
}
