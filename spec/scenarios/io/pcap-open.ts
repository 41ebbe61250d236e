/**
 * A process that opens an interface by pcap and says how that went, for tests that kill it or take its rights.
 * `pcap-open.ts IFNAME IFINDEX [paused | starved]`. It says `{"opened":true,"child":PID}` and stays, or `{"reason":…}` and ends.
 */
import { openSync, readFileSync } from 'node:fs';
import { openPcap } from '../../../io/device/pcap-device.ts';
import { DeviceError } from '../../../io/ports.ts';

const [name = '', ifindex = '0', mode] = process.argv.slice(2);
if (mode === 'starved') {
  try {
    for (;;) openSync('/dev/null', 'r');
  } catch {
    // no descriptor is left
  }
}
try {
  const info = { name, ifindex: Number(ifindex), kind: 'veth', mac: '', mtu: 1500, up: true } as const;
  const device = await openPcap(info);
  device.start({ frames: () => undefined, gone: (reason) => console.log(JSON.stringify({ gone: reason })) });
  if (mode === 'paused') device.pause();
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
  console.log(JSON.stringify({ opened: true, child: Number(children.at(-1)) }));
} catch (error) {
  if (!(error instanceof DeviceError)) throw error;
  console.log(JSON.stringify({ reason: error.reason, text: error.message }));
}
