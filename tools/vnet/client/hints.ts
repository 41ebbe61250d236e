/** What to do next when a server refused, for people at a terminal. */
import type { Reason } from '../../../machines/protocol/errors.ts';
import { Refused } from './conversation.ts';

const HINTS: { readonly [R in Reason]?: string } = {
  'authentication-failed':
    'Check the password (VNET_PASSWORD or --password-file) and --identity, or that the server knows your certificate, and that it has not expired.',
  forbidden: 'The policy of the server (its --policy file) does not allow this to your identity.',
  'tls-required': 'Use the tls:// listener of the server, or talk to it on its own machine.',
  'no-such-handler': '`vnet handlers` lists those that stand on this server.',
  'no-such-device': '`vnet devices` lists the interfaces of a server; tap:NAME makes a new one.',
  'no-such-peer': 'The peers that a server knows stand in its --peers file.',
  'bad-device':
    'A device is IFNAME, pcap:IFNAME, packet:IFNAME or tap:NAME[?mtu=N&bridge=BR&ip=on]; `vnet devices` lists them.',
  'bad-roles-pair':
    'Good are PROXY HOST, HOST PROXY and BRIDGE BRIDGE: first the role here, then the one there.',
  'bad-remote': 'A remote is tcp://HOST:PORT, tls://HOST:PORT[?pin=sha256:… or spki-sha256:…] or peer:NAME.',
  'mac-in-use': '`vnet handlers` shows which Handler has it; `vnet close ID` ends that one.',
  'device-busy': '`vnet handlers` shows which Handlers hold it, and how they name it: name it just so.',
  'too-many-sessions': 'Try again in a moment.',
  'too-many-attempts': 'Wait a minute, then try again with the right password.',
  'remote-unreachable': 'Is the other server running, and does a firewall let this one through to it?',
  'remote-untrusted':
    'Tell this server how to know the other one: ?pin=sha256:… behind the remote, or a server= line in its --authorized file.',
  'remote-refused':
    'The other server said no; its words stand above. Its password comes from --remote-password-file or VNET_REMOTE_PASSWORD, a certificate with --remote-cert.',
  'remote-timeout': 'The other server did not answer in time: look whether it runs, and at the way to it.',
  'log-unavailable':
    'The server cannot write its event log: look for a full disk, or at the rights of the --log directory.',
};

/** The same failure with a hint behind it, where there is one. */
export function withHint(error: unknown): unknown {
  if (!(error instanceof Refused) || error.next !== undefined) return error;
  const hint = (HINTS as Readonly<Record<string, string | undefined>>)[error.reason];
  return hint === undefined ? error : new Refused(error.line, error.reason, hint);
}
