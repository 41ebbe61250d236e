import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BpfInstruction } from '../../../io/ports.ts';
import { A, B, place, Rig } from './rig.ts';
import { HandDevice } from './twins.ts';

const test = suite('room for the filter');

/** A device whose kernel takes programs up to a length. */
class NarrowDevice extends HandDevice {
  readonly tried: (number | undefined)[] = [];

  constructor(private readonly room: number) {
    super();
  }

  override setFilter(program: readonly BpfInstruction[] | null): boolean {
    this.tried.push(program?.length);
    const fits = program === null || program.length <= this.room;
    super.setFilter(fits ? program : null);
    return fits;
  }
}

const mac = (i: number): string =>
  `52:54:00:00:${(i >> 5).toString(16).padStart(2, '0')}:${(8 * (i % 32)).toString(16).padStart(2, '0')}`;

test('the filter gets shorter until the kernel takes it', () => {
  const rig = new Rig();
  const device = new NarrowDevice(100);
  const at = place(device);
  for (let i = 0; i < 200; i++) rig.path(at, 'PROXY', [mac(i)]);
  const length = device.filter?.length ?? 0;
  assert.ok(length > 20 && length <= 100, `${length} instructions`);
  assert.ok(device.tried.some((each) => each !== undefined && each > 100));
});

test('a kernel that takes none gets none, and one that takes all is asked once', () => {
  for (const [room, tries] of [
    [0, undefined],
    [4096, 2],
  ] as const) {
    const rig = new Rig();
    const device = new NarrowDevice(room);
    const at = place(device);
    rig.path(at, 'PROXY', [A]);
    rig.path(at, 'HOST', [B]);
    assert.is(device.filter === null, room === 0);
    if (tries !== undefined) assert.is(device.tried.length, tries);
  }
});

test.run();
