import * as fs from 'node:fs';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lockDirectory } from '../../../io/journal/lock.ts';
import { log } from '../../../tools/vnet/commands/log.ts';
import { replay } from '../../../tools/vnet/commands/replay.ts';
import type { ExportSnapshot } from '../../../tools/vnet/log/export.ts';
import { Follower } from '../../../tools/vnet/log/follower.ts';
import { HANDLER, History, scratch } from './history.ts';
import { Terminal } from './terminal.ts';

const logs = suite('vnet log');

const place = scratch();
logs.after(() => place.remove());

async function run(...args: string[]): Promise<Terminal & { readonly code: number }> {
  const terminal = new Terminal();
  const code = await log(args, terminal);
  return Object.assign(terminal, { code });
}

const verdict = async (dir: string) => {
  const terminal = new Terminal();
  const code = await replay([dir, '-q'], terminal);
  return `${code} ${terminal.stdout}`;
};

/** Three segments; the second and the third begin with a checkpoint: records 1–8, 9–14, 15–20. */
function busy(): { history: History; cuts: number[] } {
  const history = new History('busy');
  history.handle();
  const cuts = [history.checkpoint()];
  history.visit('v1');
  cuts.push(history.checkpoint());
  history.visit('v2');
  return { history, cuts };
}

let number = 0;
function write(change: (lines: string[]) => void = () => {}): string {
  const { history, cuts } = busy();
  change(history.lines);
  return history.write(path.join(place.dir, String(number++)), cuts);
}

const spoil = (seq: number) => (lines: string[]) => {
  lines[seq - 1] = lines[seq - 1]!.replace('"boot":"b1"', '"boot":"b2"');
};

const count = (text: string) => text.trimEnd().split('\n').length;

logs('show prints all, or what is selected', async () => {
  const dir = write();
  const all = await run('show', dir);
  assert.is(all.code, 0);
  assert.is(count(all.stdout), 20);
  assert.is(count((await run('show', dir, '--actor', 'session')).stdout), 14);
  assert.is(count((await run('show', dir, '--actor', 'session:v1')).stdout), 5);
  assert.is(
    count((await run('show', dir, '--actor', `handler:${HANDLER}`, '--event', 'device-open')).stdout),
    1,
  );
  assert.match((await run('show', dir, '--since', '19')).stdout, /^2026.* #19 .*\n2026.* #20 .*\n$/);
  assert.is(count((await run('show', dir, '--until', '3')).stdout), 3);
  assert.is(
    count(
      (await run('show', dir, '--since', '2026-01-31T12:00:00.005', '--until', '2026-01-31T12:00:00.006'))
        .stdout,
    ),
    2,
  );
  assert.is((await run('show', dir, '--since', '2030-01-01')).stdout, '');
  const json = await run('show', dir, '--json', '--event', 'DONE');
  assert.is(json.stdout.trim().split('\n').length, 2);
  assert.is((JSON.parse(json.stdout.split('\n')[0]!) as { seq: number }).seq, 14);
});

logs('show tells of lines that are no records, and goes on', async () => {
  const dir = write((lines) => {
    lines[3] = 'rubbish';
  });
  const { code, stdout, stderr } = await run('show', dir);
  assert.is(code, 2);
  assert.is(count(stdout), 19);
  assert.match(stderr, /^record 4: it is not JSON/);
});

logs('show --follow prints what comes, over the seam of segments, until ^C', async () => {
  const { history, cuts } = busy();
  const dir = path.join(place.dir, 'followed');
  const whole = [...history.lines];
  history.lines.length = 10;
  history.write(dir, cuts.slice(0, 1));
  const terminal = new Terminal();
  const out = terminal.out.bind(terminal);
  let grown = false;
  terminal.out = (text) => {
    const more = out(text);
    const seen = count(terminal.stdout);
    if (seen === 10 && !grown) {
      grown = true;
      fs.appendFileSync(path.join(dir, '00000002.ndjson'), `${whole.slice(10, 14).join('\n')}\n{"half`);
      fs.writeFileSync(path.join(dir, '00000003.ndjson'), `${whole.slice(14).join('\n')}\n`);
    } else if (seen >= 20) process.emit('SIGINT');
    return more;
  };
  assert.is(await log(['show', dir, '--follow', '--json'], terminal), 2);
  assert.equal(terminal.stdout.trimEnd().split('\n'), whole);
  assert.match(terminal.stderr, /it is not JSON/);
});

logs('a follower gives a line out when it is complete', () => {
  const dir = path.join(place.dir, 'slow');
  fs.mkdirSync(dir);
  const file = path.join(dir, '00000001.ndjson');
  fs.writeFileSync(file, 'one\ntw');
  const follower = new Follower(dir, 1);
  assert.equal([...follower.lines()], ['one']);
  assert.is(follower.tornBytes, 2);
  fs.appendFileSync(file, 'o\nthree\n');
  assert.equal([...follower.lines()], ['two', 'three']);
  assert.equal([...follower.lines()], []);
});

logs('verify: whole, dropped, damaged, with a hole', async () => {
  const whole = await run('verify', write());
  assert.is(whole.code, 0);
  assert.match(whole.stdout, /^OK: 20 records in 3 segments, #1 to #20, /);
  const dropped = write();
  fs.rmSync(path.join(dropped, '00000001.ndjson'));
  const trusting = await run('verify', dropped);
  assert.is(trusting.code, 0);
  assert.match(trusting.stdout, /seq and prev of #9 were taken on trust/);
  const damaged = await run('verify', write(spoil(12)));
  assert.is(damaged.code, 2);
  assert.match(damaged.stdout, /^DAMAGED: 00000002\.ndjson, record 12: its hash does not fit its content/);
  const hole = write();
  fs.rmSync(path.join(hole, '00000002.ndjson'));
  assert.match((await run('verify', hole)).stdout, /^DAMAGED: 00000003\.ndjson, record 9: its seq is 15/);
  assert.is((await run('verify', path.join(place.dir, 'nowhere'))).code, 2);
});

logs('repair of damage in an old segment keeps what a later checkpoint begins', async () => {
  const dir = write(spoil(12));
  const plan = await run('repair', dir);
  assert.is(plan.code, 2);
  assert.match(plan.stdout, /record 12.*\n\n--keep before +keeps the 11 records up to #11/);
  assert.match(plan.stdout, /--keep after +keeps the 6 records #15 to #20/);
  assert.match(await verdict(dir), /^2 DAMAGED: record 12/, 'nothing was changed');
  const done = await run('repair', dir, '--yes');
  assert.is(done.code, 0);
  assert.match(await verdict(dir), /^0 OK: 6 records/);
  const aside = /lies in (\S+)\.\n/.exec(done.stdout)![1]!;
  assert.equal(fs.readdirSync(aside).sort(), ['00000001.ndjson', '00000002.ndjson']);
});

logs('repair --keep before cuts the log off in front of the damage', async () => {
  const dir = write(spoil(12));
  assert.is((await run('repair', dir, '--keep', 'before', '--yes')).code, 0);
  assert.match(await verdict(dir), /^0 OK: 11 records/);
  assert.is((await run('verify', dir)).code, 0);
});

logs('repair of damage in the last segment can only keep what is before', async () => {
  const dir = write(spoil(17));
  assert.not.match((await run('repair', dir)).stdout, /--keep after +keeps/);
  assert.is((await run('repair', dir, '--keep', 'after', '--yes')).code, 1);
  assert.is((await run('repair', dir, '--yes')).code, 0);
  assert.match(await verdict(dir), /^0 OK: 16 records/);
});

logs('repair takes a record whose state does not agree for damage, too', async () => {
  const history = new History('lying');
  history.handle();
  history.lie(`handler:${HANDLER}`, { type: 'dialled', peer: 'x' }, 'binary');
  const dir = history.write(path.join(place.dir, 'lying'));
  assert.match((await run('repair', dir)).stdout, /record 9: it goes to 'binary'/);
  assert.is((await run('repair', dir, '--yes')).code, 0);
  assert.match(await verdict(dir), /^0 OK: 8 records/);
});

logs('repair leaves a whole log alone, and one that a server writes to', async () => {
  assert.match((await run('repair', write(), '--yes')).stdout, /nothing to repair/);
  const dir = write(spoil(12));
  const unlock = lockDirectory(dir);
  const { code, stderr } = await run('repair', dir, '--yes');
  unlock();
  assert.is(code, 1);
  assert.match(stderr, /in use by another server.*\n.*stop the server first/);
});

logs('export begins with a snapshot where the actor is older than the log', async () => {
  const dir = write();
  const actor = `handler:${HANDLER}`;
  const whole = await run('export', dir, '--actor', actor);
  assert.is(whole.code, 0);
  assert.is(count(whole.stdout), 3);
  fs.rmSync(path.join(dir, '00000001.ndjson'));
  const rest = await run('export', dir, '--actor', actor);
  const [, snapshot = ''] = rest.stdout.split('\n');
  const { seq, actor: held } = (JSON.parse(snapshot) as ExportSnapshot).snapshot;
  assert.is(seq, 9);
  assert.is(held?.machine, 'initiator');
  const unknown = await run('export', dir, '--actor', 'handler:0000000000000000');
  assert.is(unknown.code, 1);
  assert.match(unknown.stderr, /there is no actor/);
});

logs('wrong usage is status 2', async () => {
  for (const args of [
    [],
    ['burn', 'x'],
    ['show'],
    ['show', 'a', 'b'],
    ['export', 'x'],
    ['repair', 'x', '--keep', 'all'],
  ]) {
    const { code, stderr } = await run(...args);
    assert.is(code, 2, args.join(' '));
    assert.match(stderr, /vnet log (\w+ )?--help/);
  }
  const help = (await run('--help')).stdout;
  for (const name of ['show', 'verify', 'repair', 'export']) assert.match(help, `\n  ${name} <dir>`);
  assert.match((await run('show', '--help')).stdout, /^Usage: vnet log show \[options\] <dir>\n/);
});

logs.run();
