/** Commands around the program. */
import { declare } from '../cli/declaration.ts';
import { CREDENTIAL_OPTIONS } from './client.ts';

export const CONFORM = declare({
  name: 'conform',
  about: 'hold a server, ours or not, to the protocol',
  description: [
    'Holds a VNET server, ours or not, to the protocol of spec/PROTOCOL.md: as client, as initiator and as responder. The cases come from the state machines: everything that can happen, in every state. Each names the section that it checks. Prints TAP (testanything.org).',
    "What it needs of the server: the right to do everything, one identity (two for all cases: --second-identity), and a TAP interface that the server may make and remove (root on the server's side). It makes Handlers and closes them again, says a few wrong HELLOs (so that right ones from this address are slower for a minute), and is dialled by the server: the server has to reach this machine. Nothing that other clients do is touched.",
  ],
  arguments: [{ name: 'url', text: 'tcp://HOST:PORT, tls://HOST:PORT[?pin=sha256:…] or unix:///PATH' }],
  hint: 'it takes one URL: tcp://HOST:PORT, tls://HOST:PORT[?pin=sha256:…] or unix:///PATH',
  options: {
    ...CREDENTIAL_OPTIONS,
    device: { value: 'NAME', text: 'a device of the server', default: 'tap:vnconf0' },
    'second-device': { value: 'NAME', text: 'another one', default: 'tap:vnconf1' },
    'second-identity': {
      value: 'I',
      text: 'another identity that the server knows, for cases that need two',
    },
    'second-password-file': {
      value: 'F',
      kind: 'secret-file',
      text: 'its password, alone in a file that only you can read',
      env: 'VNET_SECOND_PASSWORD',
    },
    reach: { value: 'ADDRESS', text: 'this machine as the server reaches it', otherwise: 'found out' },
    patience: { value: 'MS', kind: 'count', text: 'how long an answer may take', default: 5000 },
    only: { value: 'PATTERN', repeatable: true, text: 'only cases whose id contains it' },
    list: { text: 'tell the cases and their sections, and run none' },
    seed: { value: 'N', kind: 'count', text: 'another choice of addresses and walks', default: 1 },
    walks: {
      value: 'N',
      kind: 'count',
      text: 'so many random walks through each machine besides',
      default: 0,
    },
    bail: { text: 'end at the first case that fails' },
    json: { text: 'one JSON object a line' },
  },
  exit: [
    [0, 'all passed'],
    [1, 'some failed'],
    [2, 'wrong usage'],
    [3, 'the server cannot be reached'],
  ],
});

export const DEMO = declare({
  name: 'demo',
  about: 'see it all work on this machine',
  description: [
    "Shows on this machine, in network namespaces of its own, what VNET does: a user's LAN with a Proxy, a wide-area link, a Host and a VM; two servers; a Handler between them; the VM gets its address from the LAN, is pinged and serves files; then CLOSE, and both logs played again. Under 30 seconds. Your own network is not touched, and everything is gone afterwards, also on ^C.",
    'Runs as root, or as an ordinary user where the kernel lets users make namespaces.',
  ],
  arguments: [],
  options: { keep: { text: 'leave the world standing, with the Handler up, until ^C' } },
  exit: [
    [0, 'all was as it should be'],
    [1, 'it was not'],
    [2, 'wrong usage'],
    [77, 'without the rights'],
  ],
});

export const COMPLETIONS = declare({
  name: 'completions',
  about: 'print the completions for a shell',
  description: ['Prints what a shell needs to complete the commands and options of `vnet`.'],
  arguments: [{ name: 'shell', choices: ['bash', 'zsh', 'fish'], text: 'for which shell' }],
  hint: 'it takes one shell: bash, zsh or fish',
  options: {},
  examples: [
    { text: 'In this shell, until it ends (bash):', lines: ['source <(vnet completions bash)'] },
    {
      text: 'For good:',
      lines: [
        'vnet completions bash > ~/.local/share/bash-completion/completions/vnet',
        'vnet completions zsh > "$fpath[1]/_vnet"',
        'vnet completions fish > ~/.config/fish/completions/vnet.fish',
      ],
    },
  ],
  exit: [
    [0, 'done'],
    [2, 'wrong usage'],
  ],
});
