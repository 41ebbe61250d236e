/**
 * A station on a real interface: a raw packet socket of a program that shares no code with ours.
 * It puts the VLAN tags back that the kernel strips (packet(7), PACKET_AUXDATA), and does not hear itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Station } from './frame-device.ts';
import { isTestFrame } from './frames.ts';

const PROGRAM = `
import os, select, socket, struct, sys, threading
SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR, SO_RCVBUFFORCE, PACKET_OUTGOING, PACKET_IGNORE_OUTGOING = 263, 8, 15, 33, 4, 23
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
hear_outgoing = sys.argv[2] == 'all'
if not hear_outgoing: s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
s.bind((sys.argv[1], 0))
g = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
g.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
g.bind((sys.argv[1], 0))
out = os.fdopen(1, 'wb', buffering=0)
out.write(struct.pack('!I', 0))
def read():
    while True:
        try:
            frame, extra, _, address = s.recvmsg(70000, 64)
        except OSError:
            if s.fileno() < 0: return
            continue
        if address[2] == PACKET_OUTGOING and not hear_outgoing: continue
        for level, kind, data in extra:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack('IIIHHHH', data[:20])
                if status & 0x10:
                    frame = frame[:12] + struct.pack('!HH', tpid if status & 0x40 else 0x8100, tci) + frame[12:]
        out.write(struct.pack('!I', len(frame)) + frame)
threading.Thread(target=read, daemon=True).start()
inp = os.fdopen(0, 'rb')
while True:
    head = inp.read(4)
    if len(head) < 4: os._exit(0)
    length = struct.unpack('!I', head)[0]
    frame = inp.read(length & 0x7fffffff)
    try:
        (g if length & 0x80000000 else s).send(frame)
    except OSError as e:
        sys.stderr.write('send: %s\\n' % e)
`;

export class RawStation implements Station {
  readonly heard: Buffer[] = [];
  errors = '';
  #pending = Buffer.alloc(0);
  #ready: () => void = () => undefined;

  private constructor(readonly child: ChildProcess) {
    child.stdout!.on('data', (chunk: Buffer) => this.#take(chunk));
    child.stderr!.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
  }

  /**
   * Opens an interface of this network namespace. With `hearOutgoing` it also hears what this machine itself
   * sends there, for which it must not be the interface of a device under test that it sends through as well.
   */
  static async open(ifname: string, hearOutgoing = false): Promise<RawStation> {
    const child = spawn('python3', ['-c', PROGRAM, ifname, hearOutgoing ? 'all' : 'in'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const station = new RawStation(child);
    await new Promise<void>((resolve, reject) => {
      station.#ready = resolve;
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`no raw station on ${ifname}: ${station.errors}`)));
    });
    return station;
  }

  send(frames: readonly Buffer[]): void {
    for (const frame of frames) {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(frame.length);
      this.child.stdin!.write(Buffer.concat([head, frame]));
    }
  }

  /**
   * Puts a super-frame on the segment, as the kernel's own TCP does: longer than the MTU, its checksum only started.
   * `header` is the 10-byte virtio_net_hdr (little-endian) that says how it is to be cut (packet(7), PACKET_VNET_HDR).
   */
  sendSuper(header: Buffer, frame: Buffer): void {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(0x80000000 + header.length + frame.length);
    this.child.stdin!.write(Buffer.concat([head, header, frame]));
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }

  #take(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 4) {
      const length = this.#pending.readUInt32BE(0);
      if (this.#pending.length < 4 + length) return;
      const frame = this.#pending.subarray(4, 4 + length);
      if (length === 0) this.#ready();
      else if (isTestFrame(frame)) this.heard.push(Buffer.from(frame));
      this.#pending = this.#pending.subarray(4 + length);
    }
  }
}
