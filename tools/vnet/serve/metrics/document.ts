/** `docs/METRICS.md`, made of the table of metrics. */
import { RX_REASONS, TX_REASONS } from '../../../../actors/packet-path/counters.ts';
import { GROUPS } from './families.ts';
import type { Family, Group } from './family.ts';

const HEAD = `# Metrics

What \`/metrics\` of \`vnet serve --http URL\` tells, in the form of OpenMetrics (who asks for \`text/plain\` alone gets the older form of
Prometheus). \`npm run metrics\` writes this page from the code, and a test holds it to that. How to turn it on stands in
[OPERATION.md](OPERATION.md#metrics-and-health).

Values are collected when they are asked for. A counter begins at 0 when the server starts (of the log: when that was begun), when its
Handler gets new options, and when its device is opened again, which \`rate()\` knows how to take. A Handler that is closed is left out from then on.
`;

const LABELS: readonly (readonly [string, string])[] = [
  ['handler', 'id of the Handler, as in `vnet handlers`'],
  ['peer', 'where this server dials it, or the address that it is dialled from'],
  ['local_device', 'its device here, as it was asked for'],
  ['remote_device', 'its device at the other server'],
  ['side', '`initiator` or `responder`'],
  ['direction', '`tx`: from the device here to the other server; `rx`: from there to the device'],
  [
    'reason',
    `why a frame was not carried. tx: ${TX_REASONS.join(', ')}. rx: ${RX_REASONS.join(', ')}. [OPERATION.md](OPERATION.md) says what each means`,
  ],
  ['wire', 'number of the wire, from 0'],
  ['congestion', 'congestion control of the wire: `bbr`, `cubic` …'],
  ['state', 'state of a Handler, as in `vnet handlers`'],
  ['device', 'how it is opened, and its name: `packet:lan0`, `tap:vm0?bridge=br0`'],
  ['mode', '`user` or `system`'],
  ['name', 'of the server'],
  ['version', 'of VNET'],
  ['node', 'version of Node'],
];

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;

const familyRow = ({ name, type, labels, help }: Family): string =>
  row([`\`${name}\``, type, labels.length === 0 ? '–' : labels.join(', '), help]);

const section = ({ title, families }: Group): string =>
  `\n## ${title}\n\n${row(['name', 'type', 'labels', 'meaning'])}${row(['---', '---', '---', '---'])}${families.map(familyRow).join('')}`;

export function metricsDocument(): string {
  const labels = LABELS.map(([label, meaning]) => row([`\`${label}\``, meaning])).join('');
  return `${HEAD}${GROUPS.map(section).join('')}\n## Labels\n\n${row(['label', 'value'])}${row(['---', '---'])}${labels}`;
}

/** Labels that the page explains. */
export const EXPLAINED: readonly string[] = LABELS.map(([label]) => label);
