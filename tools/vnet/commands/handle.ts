import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { Failure } from '../cli/failures.ts';
import { handleLine } from '../client/handle-line.ts';
import { request } from '../client/request.ts';
import { CLIENT_HELP, CLIENT_OPTIONS } from '../client/settings.ts';
import { toJson } from '../client/values.ts';

const HELP = `Usage: vnet handle <remote> <local_device> <remote_device> <local_config> <remote_config> <mac>… [option…]

Opens a Handler: the server that you talk to dials the remote one, and from then on Ethernet frames cross
between a device here and a device there. Prints the id of the Handler once frames flow.

  <remote>         tcp://HOST:PORT, tls://HOST:PORT[?pin=sha256:…], or peer:NAME of the server's --peers file
  <local_device>   an interface of the server that you talk to (\`vnet devices\` lists them): IFNAME,
  <remote_device>  and one of the remote server: pcap:IFNAME, packet:IFNAME, or tap:NAME[?mtu=N&bridge=BR]
  <local_config>   the role of each side: PROXY stands where the VM is to appear (on your LAN), HOST where
  <remote_config>  it runs, BRIDGE (on both sides) joins two whole networks. PROXY:multicast=off
  <mac>            MAC addresses of the VM, one or more; for BRIDGE: *
  option           offload=on|off  announce=on|off  l2cp=on|off  rate=BITS/S (k, M, G)  bcast-rate=FRAMES/S

How the server says who it is at the remote one (a secret never stands on the command line):
  --remote-cert              by its own certificate, on tls://
  --remote-password-file F   by the password that stands alone in F; or set VNET_REMOTE_PASSWORD
  --remote-identity I        whose password that is (default: default)
                             With none of these a peer:NAME is dialled as its entry says.

${CLIENT_HELP}
Example: the VM with this address, on the machine 198.51.100.2, is to stand on the LAN behind eth0 here:
  vnet handle tls://198.51.100.2:7411 eth0 vm0 PROXY HOST 52:54:00:12:34:56 --remote-cert
`;

const REMOTE_OPTIONS = {
  'remote-identity': { type: 'string' },
  'remote-password-file': { type: 'string' },
  'remote-cert': { type: 'boolean' },
} as const;

/** `vnet handle …`. */
export const handle = command('handle', HELP, async (args, around) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...CLIENT_OPTIONS, ...REMOTE_OPTIONS },
    allowPositionals: true,
  });
  const line = await handleLine(positionals, values, around);
  const { last } = await request(values, line, around);
  const id = last.fields.handler;
  if (id === undefined)
    throw new Failure(1, 'the server said OK without handler=<id>: is it a VNET/1 server?');
  around.out(values.json ? toJson({ handler: id }) : `${id}\n`);
  if (around.attended && !values.json) {
    around.err(`Frames flow. See \`vnet handlers\`; end it by \`vnet close ${id}\`.\n`);
  }
  return 0;
});
