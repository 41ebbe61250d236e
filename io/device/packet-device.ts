/**
 * A captured interface by an AF_PACKET socket: hears everything that passes the interface, also what this machine
 * sends on it, but not what it puts there itself. Super-frames and unfinished checksums come and go with their
 * virtio header, VLAN tags are in their place.
 */

import type { BpfInstruction, FrameDevice, WriteOutcome } from '../ports.ts';
import { addon, type NativeLink, type NativePacketSocket } from './addon.ts';
import { type Advise, once, TAGS_REFUSED } from './advice.ts';
import { deviceError } from './device-error.ts';
import { KernelDevice, OpenPort } from './kernel-device.ts';
import type { QueuePlan } from './queue-governor.ts';

/** Of what the socket keeps for us while we do not read: the most is what the addon begins with. */
const MOST_BUFFER_BYTES = 4 << 20;
const LEAST_BUFFER_BYTES = 128 << 10;

const NO_ROOM = new Set(['ENOMEM', 'ENOBUFS']);

class PacketDevice extends KernelDevice<NativePacketSocket> {
  readonly backend = 'packet';
  private drops = 0;

  constructor(
    link: NativeLink,
    open: OpenPort<NativePacketSocket>,
    private readonly advise: Advise,
  ) {
    super(link, open);
  }

  override write(buffer: Buffer, start: number, end: number): WriteOutcome {
    const outcome = super.write(buffer, start, end);
    if (outcome.tooLong > 0) this.advise(TAGS_REFUSED);
    return outcome;
  }

  /** A program that the kernel has no room for (net.core.optmem_max) is left out: everything is heard then. */
  override setFilter(program: readonly BpfInstruction[] | null): boolean {
    if (this.dead) return true;
    // The old one goes first: it counts against the same bound.
    this.port.setFilter(null);
    if (program === null) return true;
    try {
      this.port.setFilter(assemble(program));
    } catch (cause) {
      if (!NO_ROOM.has((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
      return false;
    }
    return true;
  }

  protected override govern({ bytes }: QueuePlan): void {
    this.port.setReceiveBuffer(Math.round(Math.min(Math.max(bytes, LEAST_BUFFER_BYTES), MOST_BUFFER_BYTES)));
  }

  kernelDrops(): number {
    this.drops += this.port.drops();
    return this.drops + this.lost;
  }

  protected override beforeClose(): void {
    this.drops += this.port.drops();
  }
}

/** The program as the kernel takes it: struct sock_filter { u16 code; u8 jt, jf; u32 k; } in its own byte order. */
function assemble(program: readonly BpfInstruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(({ code, jt, jf, k }, i) => {
    bytes.writeUInt16LE(code, i * 8);
    bytes.writeUInt8(jt, i * 8 + 2);
    bytes.writeUInt8(jf, i * 8 + 3);
    bytes.writeUInt32LE(k >>> 0, i * 8 + 4);
  });
  return bytes;
}

/**
 * Opens a capture that hears all frames of the interface from now on.
 * @param advise told what the user should know of this interface @throws DeviceError
 */
export function openPacket(link: NativeLink, advise: Advise = () => undefined): FrameDevice {
  let open: OpenPort<NativePacketSocket> | undefined;
  try {
    const { PacketSocket } = addon();
    open = new OpenPort((outcome, onReadable) => new PacketSocket(link.ifindex, outcome, onReadable));
    return new PacketDevice(link, open, once(advise));
  } catch (cause) {
    open?.port.close();
    throw deviceError(cause, link.name, 'CAP_NET_RAW');
  }
}
