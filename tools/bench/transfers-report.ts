/** The result of the transfers as a table. */
import { type Column, table } from '../vnet/cli/table.ts';
import { grouped } from '../vnet/cli/units.ts';
import { headline, type Place } from './report.ts';
import { isWhole, type TransferResult } from './transfers.ts';

const COLUMNS: readonly Column[] = [
  { title: 'pair' },
  { title: 'way' },
  ...['bytes', 'seconds', 'Mbit/s'].map((title) => ({ title, align: 'right' as const })),
  { title: 'SHA-256' },
  { title: 'checksum errors' },
];

/** Text for people: the table, whole sums of those that differ, and a last line that says how it ended. */
export function reportTransfers(at: Place, transfers: readonly TransferResult[]): string {
  const head = headline(at, 'sent by TCP through one Handler, both servers and both ends on this machine');
  const broken = transfers.filter((transfer) => !isWhole(transfer));
  const end =
    broken.length === 0
      ? `all ${transfers.length} arrived whole\n`
      : `${broken.length} of ${transfers.length} did not arrive whole\n`;
  return `${head}${table(COLUMNS, transfers.map(row))}\n${broken.map(complaint).join('')}${end}`;
}

function row({ pair, way, bytes, seconds, sent, received, errors }: TransferResult): string[] {
  if (seconds === undefined) return [pair, way, '–', '–', '–', 'failed', '–'];
  return [
    pair,
    way,
    grouped(bytes),
    seconds.toFixed(1),
    ((bytes * 8) / seconds / 1e6).toFixed(0),
    sent === received ? 'equal' : 'DIFFERENT',
    String(Object.values(errors ?? {}).reduce((sum, each) => sum + each, 0)),
  ];
}

function complaint({ pair, way, sent, received, errors, failure }: TransferResult): string {
  const where = `${pair} ${way}: `;
  if (failure !== undefined) return `${where}failed: ${failure}\n`;
  const sums = sent === received ? '' : `${where}sent ${sent}\n${where}got  ${received}\n`;
  const counts = Object.entries(errors ?? {}).map(([name, step]) => `${where}${name} +${step}\n`);
  return sums + counts.join('');
}
