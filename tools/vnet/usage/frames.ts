/** Commands that ask what becomes of frames: why one did not arrive. */
import { below, declare } from '../cli/declaration.ts';
import { CLIENT_OPTIONS } from './client.ts';

const FAR = below('The other server', {
  far: { value: 'URL', text: 'the server at the other end of the Handler: it is asked as well' },
  'far-password-file': {
    value: 'F',
    kind: 'secret-file',
    text: 'your password there, alone in a file that only you can read',
    env: 'VNET_FAR_PASSWORD',
    otherwise: 'as here',
  },
  'far-identity': { value: 'I', text: 'whose password that is', otherwise: 'as here' },
  'far-allow-plaintext': { text: 'send it there over plain tcp:// all the same' },
});

const EXIT_ERR = [
  [2, 'wrong usage, or the server said no (its ERR line is on standard error)'],
  [3, 'the server cannot be reached'],
] as const;

export const TRACE_EXAMPLE = 'vnet trace vm0 52:54:00:12:34:56 to broadcast arp who-has 192.168.7.10';

export const TRACE = declare({
  name: 'trace',
  about: 'say what would become of a frame, and which rule decides',
  description: [
    'Asks a server what would become of a frame that a device reads now, or, for the id of a Handler, of one that comes over its wire now. The very checks of the packet path decide; nothing is sent and nothing is counted. With --far the other server is asked too, and the frame is followed to the last device.',
    'A frame is said as SOURCE to DESTINATION [vlan N] and what is in it: arp who-has IP [tell IP], arp is-at IP, ip [IP to IP [tcp|udp PORT to PORT | icmp]], ip6 …, or 0xTYPE; and bytes N for another length than 60. A quoted > is as good as to; broadcast is an address. --hex takes bytes instead, --pcap the frames of a file.',
  ],
  arguments: [
    { name: 'place', text: 'a device (`vnet devices` lists them), or the id of a Handler' },
    { name: 'frame', text: 'the frame in words, or with --hex in hex', repeatable: true, optional: true },
  ],
  options: {
    hex: { text: 'the frame is given in hex, x<n> behind it for n zero bytes more' },
    pcap: { value: 'FILE', kind: 'file', text: 'each frame of a pcap or pcapng file' },
    both: { text: 'with --far: the answer as well, from there to here' },
    ...FAR,
    ...CLIENT_OPTIONS,
  },
  examples: [
    { text: 'Does a question of the VM reach the wire?', lines: [TRACE_EXAMPLE] },
    {
      text: 'And the LAN behind the other server, and does the answer come back?',
      lines: [
        'vnet trace vm0 --far tls://198.51.100.2:7411 --both 52:54:00:12:34:56 to 52:54:00:aa:bb:cc ip bytes 1514',
      ],
    },
  ],
  exit: [[0, 'the frame gets there (all of them, with --pcap)'], [1, 'it does not'], ...EXIT_ERR],
});

export const DROPS = declare({
  name: 'drops',
  about: 'show the newest frames that were dropped, and why',
  description: [
    'Shows the newest frames that a server has dropped, oldest first: when, by which Handler, which way, for what reason, and what it was. A server keeps 512 in memory, at most 100 a second and Handler. What a role does not ask for is no drop: `vnet trace` tells about that.',
  ],
  arguments: [{ name: 'handler', text: 'only those of this Handler, by its id', optional: true }],
  options: {
    follow: { short: 'f', text: 'go on, and show what is dropped from now on, until ^C' },
    ...CLIENT_OPTIONS,
  },
  exit: [
    [0, 'done'],
    [1, 'the server said no (its ERR line is on standard error)'],
    [2, 'wrong usage'],
    EXIT_ERR[1],
  ],
});

export const CAPTURE = declare({
  name: 'capture',
  about: 'show frames and what becomes of each, as text or as a capture file',
  description: [
    'Shows the frames of a Handler, or of a device with all that no Handler on it wants, and what became of each. On a terminal it prints a line a frame; into a pipe or with -w it writes pcapng, for Wireshark and its kin: an interface for the device and one for the wire, the verdict as the comment of a packet, and the same packet id for the same frame. Nothing waits for it: who reads too slowly is told how many frames were missed.',
    'With --far both ends stand in one file, in causal order: a frame that came over the wire behind the same one that went out. Times are those of each server.',
  ],
  arguments: [{ name: 'place', text: 'the id of a Handler, or a device that one is on' }],
  hint: 'it takes one argument: the id of a Handler, or a device',
  options: {
    write: { value: 'FILE', kind: 'file', short: 'w', text: 'write pcapng there; - is standard output' },
    count: { value: 'N', kind: 'count', short: 'c', text: 'end after so many frames' },
    ...below('Which frames', {
      only: { value: 'VERDICT', choices: ['dropped', 'carried'], text: 'only those' },
      mac: { value: 'MAC', text: 'only from or to this address' },
      type: { value: '0xTYPE', text: 'only of this ethertype (0x0806 is ARP)' },
      snap: { value: 'BYTES', kind: 'count', text: 'no more than so much of each frame, 14 to 65575' },
    }),
    ...FAR,
    ...CLIENT_OPTIONS,
  },
  examples: [
    { text: 'Live into Wireshark:', lines: ['vnet capture 3f0a… | wireshark -k -i -'] },
    { text: 'What is lost, and why:', lines: ['vnet capture vm0 --only dropped'] },
  ],
  exit: [
    [0, 'it was interrupted, or --count frames have come'],
    [1, 'the server said no (its ERR line is on standard error)'],
    [2, 'wrong usage, or the file cannot be written'],
    [3, 'the server cannot be reached, or went away'],
  ],
});

export const DOCTOR = declare({
  name: 'doctor',
  about: 'look at a server, or at both of a Handler, and say what to do',
  description: [
    'Asks a server how it does, in one list, each line with what to do about it: rights, disk and log, descriptors, certificates, limits, each open device, and each Handler with its MTUs, wires and drops. With --far the other server is asked too, and what only both show is compared: clocks, versions, and Handlers that one of them has and the other not.',
  ],
  arguments: [],
  hint: 'it takes no arguments; say which server by --server, and the other one by --far',
  options: {
    bundle: {
      value: 'FILE',
      kind: 'file',
      text: 'write all of it with status, counters and drops into one .tar.gz, to send to somebody; nothing in it is secret',
    },
    log: {
      value: 'DIR',
      kind: 'directory',
      text: 'with --bundle: the last 1,000 records of the log there, too',
    },
    ...FAR,
    ...CLIENT_OPTIONS,
  },
  exit: [
    [0, 'all is well'],
    [1, 'something is not, or the server said no (its ERR line is on standard error)'],
    [2, 'wrong usage, or the file cannot be written'],
    [3, 'a server cannot be reached'],
  ],
});

export const TOP = declare({
  name: 'top',
  about: 'a page of Handlers, rates, drops and wires, renewed each second',
  description: [
    'Shows the Handlers of a server, or of several, with their rates, on a page that is renewed each second; below it what the selected one drops and how its wires are, and the last transitions. A server that goes away is named with the reason and dialled again; the others go on. Keys: q quits; the arrow keys (or j and k) select; / filters by a part of id, state, peer or device, Escape shows all again; the space bar pauses; n s p r t d l sort by Handler, state, peer, RX, TX, drops, round trip.',
  ],
  arguments: [],
  hint: 'it takes no arguments; say which servers by --server, once for each',
  options: { ...CLIENT_OPTIONS, server: { ...CLIENT_OPTIONS.server, repeatable: true } },
  exit: [
    [0, 'it was quit'],
    [1, 'the server said no (its ERR line is on standard error)'],
    [2, 'wrong usage, or there is no terminal'],
    [3, 'a server cannot be reached at the beginning'],
  ],
});

export const PING = declare({
  name: 'ping',
  about: 'measure the round trip of each wire of a Handler',
  description: [
    'Sends PINGs over each wire of a Handler, from this server to the one at the other end, and shows how long each took. They go ahead of frames that wait in the server, and behind those that wait in its kernel.',
  ],
  arguments: [{ name: 'handler', text: 'the id of a Handler; `vnet handlers` lists them' }],
  hint: 'it takes one argument, the id of a Handler; `vnet handlers` lists them',
  options: {
    count: { value: 'N', kind: 'count', short: 'c', text: 'so many over each wire, 1 to 100', default: 5 },
    ...CLIENT_OPTIONS,
  },
  exit: [
    [0, 'all came back'],
    [1, 'some came back'],
    [2, 'none came back, the server said no, or wrong usage'],
    [3, 'the server cannot be reached'],
  ],
});
