/** Commands for who runs a server. */
import { declare } from '../cli/declaration.ts';

export const SERVE = declare({
  name: 'serve',
  about: 'run a server',
  description: [
    'The server daemon. It is ready when it has printed one line READY <url>… on standard output; its own diagnostics are JSON lines on standard error. SIGTERM or SIGINT end it, SIGHUP reads its files again.',
  ],
  arguments: [
    {
      name: 'url',
      optional: true,
      repeatable: true,
      text: 'more listeners, as behind --listen',
    },
  ],
  options: {
    listen: {
      value: 'URL',
      repeatable: true,
      text: 'tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH',
      otherwise: 'tcp://127.0.0.1:7411',
    },
    name: { value: 'NAME', text: 'the name it goes by', otherwise: "this machine's" },
    log: {
      value: 'DIR',
      kind: 'directory',
      text: 'the event log',
      otherwise: 'below $STATE_DIRECTORY, $XDG_STATE_HOME/vnet or ~/.local/state/vnet',
    },
    'log-sync': {
      value: 'MODE',
      choices: ['always', 'interval', 'never'],
      text: 'when records reach the disk',
      otherwise: 'interval, 100 ms',
    },
    'log-segment-bytes': {
      value: 'N',
      kind: 'number',
      text: 'begin a new segment of the log past that',
      otherwise: '2097152',
    },
    'log-retain-bytes': {
      value: 'N',
      kind: 'number',
      text: 'drop the oldest segments past that',
      otherwise: 'keep all',
    },
    'log-retain-days': {
      value: 'N',
      kind: 'number',
      text: 'drop segments that were last written longer ago than that',
      otherwise: 'keep all',
    },
    'password-file': {
      value: 'F',
      kind: 'passwd-file',
      text: 'who may say HELLO password: lines from `vnet passwd`, mode 0600. The variable is the secret of identity "default" where there is no file',
      env: 'VNET_PASSWORD',
    },
    cert: {
      value: 'F',
      kind: 'file',
      text: 'our certificate, for tls:// and for HELLO cert elsewhere; `vnet keygen` makes it and its key',
    },
    key: { value: 'F', kind: 'file', text: 'its private key' },
    authorized: {
      value: 'F',
      kind: 'file',
      text: 'certificates that may come in, or stand for a server: NAME sha256:HEX [server=HOST], or their keys: NAME spki-sha256:HEX',
    },
    ca: { value: 'F', kind: 'file', text: 'a CA whose certificates may come in' },
    peers: { value: 'F', kind: 'file', text: 'other servers by name, with their credentials (JSON)' },
    policy: {
      value: 'F',
      kind: 'file',
      text: 'what each identity may do (JSON)',
      otherwise: 'everything',
    },
    http: {
      value: 'URL',
      text: 'metrics for Prometheus (/metrics) and health (/healthz) at http://HOST:PORT on loopback, https://HOST:PORT or unix:///PATH',
      otherwise: 'nowhere',
    },
    'allow-plaintext': {
      text: 'take and send passwords on plain tcp://, and take them on http://, also across a network',
    },
    'no-warm-up': {
      text: 'do not let the packet path run by itself at the start, so that the first frames find it slow and the start takes less of a processor',
    },
    'no-resume': { text: 'do not dial again the Handlers of the run before' },
    congestion: {
      value: 'NAME',
      text: "congestion control of every wire, or default: the kernel's own",
      otherwise: 'bbr on a way that has a length, where the kernel has and allows it',
    },
    'spread-rtt': {
      value: 'MS',
      kind: 'number',
      text: 'round trip from which on a way has a length, so that its Handlers get further wires',
      otherwise: '5',
    },
    wires: {
      value: 'N',
      kind: 'count',
      text: 'most wires, 1 to 8, of a Handler whose HANDLE says no wires=',
      otherwise: '4',
    },
    'wires-granted': {
      value: 'N',
      kind: 'count',
      text: 'most wires, 1 to 8, of a Handler that another server begins here',
      otherwise: '8',
    },
    config: {
      value: 'F',
      kind: 'file',
      text: 'a JSON file with any of these options, e.g. {"name": "proxy", "listen": ["tls://[::]:7411"]}, and "limits": see docs/OPERATION.md',
    },
  },
  examples: [
    {
      text: 'To begin with, on one machine:',
      lines: ['VNET_PASSWORD=secret vnet serve --name proxy --log /tmp/proxy-log'],
    },
  ],
  exit: [
    [0, 'ended in an orderly way'],
    [1, 'it cannot start, or a fault of the program'],
    [2, 'wrong usage'],
  ],
});

export const PASSWD = declare({
  name: 'passwd',
  about: 'make a line for a password file',
  description: [
    "Reads a password from standard input and prints a line for the server's --password-file: the identity and a scrypt hash. The password itself cannot be had back from it. At a terminal it is asked for twice and not shown; from a pipe it is the one line that comes.",
  ],
  arguments: [{ name: 'identity', optional: true, text: 'whose password it is (default: default)' }],
  hint: 'it takes one argument at most, the identity; the password comes from standard input',
  options: {},
  examples: [
    {
      text: 'A file of passwords, and a server that reads it:',
      lines: [
        'vnet passwd alice >> passwords && chmod 600 passwords',
        'vnet serve --password-file passwords',
      ],
    },
  ],
  exit: [
    [0, 'done'],
    [1, 'the password cannot be one'],
    [2, 'wrong usage'],
  ],
});

export const KEYGEN = declare({
  name: 'keygen',
  about: 'make a key and a certificate',
  description: [
    'Writes <dir>/NAME.key (a private key, mode 0600) and <dir>/NAME.crt (a certificate for it, signed by itself, good for ten years), and prints the line NAME sha256:… that belongs into the --authorized file of the other side. Files that are there already stay as they are.',
    'The line lets NAME come as a client; with server=HOST behind it, it may also answer as that server.',
    'The line that --spki prints in its place, NAME spki-sha256:…, is for the public key, and so is ?pin=spki-sha256:…: both stay good for the certificates that --renew makes.',
  ],
  arguments: [{ name: 'dir', kind: 'directory', text: 'the directory for the two files' }],
  hint: 'it takes one argument, the directory for the two files',
  options: {
    name: {
      value: 'NAME',
      text: 'who it is for; also the identity that it gives',
      otherwise: 'the name of this machine',
    },
    renew: { text: 'a new certificate for the key that is there, good for ten years from now' },
    spki: { text: 'print the line for the public key, NAME spki-sha256:…' },
  },
  examples: [
    {
      text: 'A key, and a server that uses it:',
      lines: [
        'vnet keygen keys --name proxy',
        'vnet serve --listen tls://0.0.0.0 --cert keys/proxy.crt --key keys/proxy.key --authorized FILE',
      ],
    },
  ],
  exit: [
    [0, 'done'],
    [1, 'the files could not be written'],
    [2, 'wrong usage'],
  ],
});
