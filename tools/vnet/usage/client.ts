/** Commands that talk to a server, and the options that all of them have. */
import { below, declare } from '../cli/declaration.ts';

const WHO = {
  'password-file': {
    value: 'F',
    kind: 'secret-file',
    text: 'the password, alone in a file that only you can read',
    env: 'VNET_PASSWORD',
  },
  identity: { value: 'I', text: 'whose password it is', otherwise: 'default' },
  cert: {
    value: 'F',
    kind: 'file',
    text: 'say who you are by this certificate, on tls:// (`vnet keygen` makes one). On unix:// nothing of all this is needed: the mode of the socket file is the key',
  },
  key: { value: 'F', kind: 'file', text: "the certificate's private key" },
  ca: { value: 'F', kind: 'file', text: 'believe servers whose certificate one of these CAs signed' },
  authorized: {
    value: 'F',
    kind: 'file',
    text: 'believe the servers that its lines "NAME sha256:… server=HOST" name',
  },
  'allow-plaintext': { text: 'send a password over plain tcp:// to another machine all the same' },
} as const;

/** Who one is, for commands that name the server in another way. */
export const CREDENTIAL_OPTIONS = below('Who you are', WHO);

/** The options that all commands of this file have. */
export const CLIENT_OPTIONS = below('Which server, and who you are', {
  server: {
    value: 'URL',
    text: 'tcp://HOST:PORT, tls://HOST:PORT[?pin=sha256:…] or unix:///PATH',
    env: 'VNET_SERVER',
    otherwise: 'tcp://127.0.0.1:7411',
  },
  ...WHO,
  json: { text: 'one JSON document in place of text for people' },
});

const EXIT = [
  [0, 'done'],
  [1, 'the server said no (its ERR line is on standard error)'],
  [2, 'wrong usage'],
  [3, 'the server cannot be reached'],
] as const;

const HANDLER = {
  name: 'handler',
  text: 'the id of a Handler; `vnet handlers` lists them',
} as const;
const ONE_HANDLER = 'it takes one argument, the id of a Handler; `vnet handlers` lists them';

export const DEVICES = declare({
  name: 'devices',
  about: 'list the interfaces of a server',
  description: [
    "Lists the network interfaces of a server's machine: what can stand as <local_device> or <remote_device> in `vnet handle`. BACKENDS are the ways to open it (the first is taken when you give the name alone). LOCAL says whether what is put there reaches that machine's own protocol stack: a captured interface is a way to the machines beyond it; tap:NAME?bridge=BR reaches both.",
  ],
  arguments: [],
  options: CLIENT_OPTIONS,
  exit: EXIT,
});

export const HANDLERS = declare({
  name: 'handlers',
  about: 'list the Handlers that stand, with their counters',
  description: [
    'Lists the Handlers that stand on a server. RX is what came from the peer onto the device here, TX what went from the device here to the peer. STATE binary means that frames flow; unauthenticated, authenticated and handling that it is being dialled (again), or waits for the other end to do so. --json has every value in full.',
  ],
  arguments: [],
  options: CLIENT_OPTIONS,
  exit: EXIT,
});

export const HANDLE_EXAMPLE =
  'vnet handle tls://198.51.100.2:7411 eth0 vm0 PROXY HOST 52:54:00:12:34:56 --remote-cert';

export const HANDLE = declare({
  name: 'handle',
  about: 'open a Handler to another server',
  description: [
    'Opens a Handler: the server that you talk to dials the remote one, and from then on Ethernet frames cross between a device here and a device there. Prints the id of the Handler once frames flow.',
  ],
  arguments: [
    {
      name: 'remote',
      text: "tcp://HOST:PORT, tls://HOST:PORT[?pin=sha256:…], or peer:NAME of the server's --peers file",
    },
    {
      name: 'local_device',
      text: 'an interface of the server that you talk to (`vnet devices` lists them): IFNAME, pcap:IFNAME, packet:IFNAME, or tap:NAME[?mtu=N&bridge=BR&ip=on]',
    },
    { name: 'remote_device', text: 'an interface of the remote server, in the same forms' },
    {
      name: 'local_config',
      text: 'the role of this side: PROXY stands where the VM is to appear (on your LAN), HOST where it runs, BRIDGE (on both sides) joins two whole networks; also PROXY:multicast=off',
    },
    { name: 'remote_config', text: 'the role of the remote side' },
    {
      name: 'mac',
      repeatable: true,
      text: 'MAC addresses of the VM, one or more (for BRIDGE: *), and behind them options of the Handler: offload=on|off announce=on|off l2cp=on|off rate=BITS/S (k, M, G) bcast-rate=FRAMES/S wires=1..8',
    },
  ],
  options: {
    ...below('How the server says who it is at the remote one', {
      'remote-cert': {
        text: 'by its own certificate, on tls://. With none of these options a peer:NAME is dialled as its entry says',
      },
      'remote-password-file': {
        value: 'F',
        kind: 'secret-file',
        text: 'by the password that stands alone in F; it never stands on the command line',
        env: 'VNET_REMOTE_PASSWORD',
      },
      'remote-identity': { value: 'I', text: 'whose password that is', otherwise: 'default' },
    }),
    ...CLIENT_OPTIONS,
  },
  examples: [
    {
      text: 'The VM with this address, on the machine 198.51.100.2, is to stand on the LAN behind eth0 here:',
      lines: [HANDLE_EXAMPLE],
    },
  ],
  exit: EXIT,
});

export const CLOSE = declare({
  name: 'close',
  about: 'close a Handler at both ends',
  description: [
    'Closes a Handler for good. Good at either of its two servers, and in every state; the other server is told, or learns it when it dials again.',
  ],
  arguments: [HANDLER],
  hint: ONE_HANDLER,
  options: CLIENT_OPTIONS,
  exit: EXIT,
});

export const STATS = declare({
  name: 'stats',
  about: 'all counters of a Handler',
  description: [
    'All counters of a Handler: frames and bytes each way (rx from the peer, tx to the peer), and how many frames were dropped for which reason.',
  ],
  arguments: [HANDLER],
  hint: ONE_HANDLER,
  options: CLIENT_OPTIONS,
  exit: EXIT,
});

export const STATUS = declare({
  name: 'status',
  about: 'how a server does',
  description: [
    'How a server does: its version, how long it runs, sessions and Handlers, where its event log stands and whether it can be written.',
  ],
  arguments: [],
  options: CLIENT_OPTIONS,
  exit: EXIT,
});

export const WATCH = declare({
  name: 'watch',
  about: 'show what happens on a server as it happens',
  description: [
    "Shows each record of a server's event log as it is written, until ^C: time, number, actor, its state before and after, and what happened to it. --json prints one JSON object a line. Who reads too slowly is told how many records were left out. `vnet log show` and `vnet replay` show what was before.",
  ],
  arguments: [],
  options: CLIENT_OPTIONS,
  exit: EXIT,
});
