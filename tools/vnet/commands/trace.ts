import { describeFrame } from '../../../machines/frames/describe.ts';
import { command } from '../cli/command.ts';
import type { CommandIo } from '../cli/command-io.ts';
import { UsageError } from '../cli/failures.ts';
import { toJson } from '../client/values.ts';
import { lineWord } from '../client/words.ts';
import { composeFrame } from '../frames/compose.ts';
import { followFrame, type Route, type Step } from '../frames/follow.ts';
import { readCapture } from '../frames/read-capture.ts';
import { withSides } from '../frames/sides.ts';
import { TRACE } from '../usage/frames.ts';

/** `vnet trace PLACE FRAME…`. */
export const trace = command(TRACE, async ({ values, positionals }, around) => {
  const [place = '', ...words] = positionals;
  if (values.both && values.far === undefined)
    throw new UsageError('--both needs --far URL, the other server');
  const frames = readFrames(words, values);
  return withSides(values, around, async (near, far) => {
    let all = true;
    const routes: Route[] = [];
    for (const frame of frames) {
      const route = await followFrame(near, far, lineWord(place), frame, values.both === true);
      all &&= route.arrives;
      if (values.json) routes.push(route);
      else tell(route, frame, around);
    }
    if (values.json)
      around.out(toJson(routes.map(({ arrives, steps }) => ({ arrives, steps: steps.map(asJson) }))));
    return all ? 0 : 1;
  });
});

function readFrames(
  words: readonly string[],
  { hex, pcap }: { readonly hex?: true | undefined; readonly pcap?: string | undefined },
): readonly Buffer[] {
  if (pcap !== undefined) {
    if (words.length > 0 || hex) throw new UsageError('give a frame, or --pcap FILE, not both');
    return readCapture(pcap);
  }
  if (words.length === 0) {
    throw new UsageError(
      'which frame? Say it, as in: 52:54:00:12:34:56 to broadcast arp who-has 192.168.7.10',
    );
  }
  if (!hex) return [composeFrame(words)];
  const found = /^((?:[0-9a-f]{2}){1,})(?:x([0-9]{1,5}))?$/i.exec(words.join(''));
  if (found === null)
    throw new UsageError('--hex takes bytes in hex, and x<n> behind them for n zero bytes more');
  return [Buffer.concat([Buffer.from(found[1] ?? '', 'hex'), Buffer.alloc(Number(found[2] ?? 0))])];
}

function tell({ steps, arrives }: Route, frame: Buffer, around: CommandIo): void {
  const { source, destination, vlan, type, info } = describeFrame(frame, 0, frame.length);
  const tag = vlan === undefined ? '' : ` vlan ${vlan}`;
  const what = info === '' ? `0x${type.toString(16).padStart(4, '0')}` : info;
  around.out(`${source} > ${destination}${tag} ${what}, ${frame.length} bytes\n`);
  for (const step of steps) around.out(stepText(step));
  around.out(arrives ? 'It gets there.\n' : 'It does not get there.\n');
}

function stepText({ server, place, handler, direction, verdict, counter, check, next, title }: Step): string {
  if (handler === undefined) return `${title ?? ''}  ${server}: no Handler is on ${place}\n`;
  const goes = verdict === 'carried' ? `carried to ${next}` : `DROPPED, ${verdict} (counted ${counter})`;
  const way = direction === 'tx' ? `read on ${place}` : 'over the wire';
  return `${title ?? ''}  ${server}: ${way}, Handler ${handler.slice(0, 8)}…: ${goes}\n      ${check}\n`;
}

function asJson({ title: _, ...step }: Step) {
  return { ...step, handler: step.handler ?? null };
}
