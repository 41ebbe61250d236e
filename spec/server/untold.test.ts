/** The kernel does not say which interfaces there are: it has no memory for the answer, or no descriptor is left. */
import * as assert from 'uvu/assert';
import { DeviceError } from '../../io/ports.ts';
import { handle, handleLine, MAC2, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Station } from '../support/station.ts';

const scenario = scenarios('interfaces that the kernel does not tell of');
const TROUBLE = new DeviceError('internal', 'cannot list interfaces: No buffer space available');

/** It tells so many times more and then no longer, until what is returned is called. */
function tells({ devices }: Station, times: number): () => void {
  const find = devices.find.bind(devices);
  let left = times;
  devices.find = (ifname) => {
    if (left === 0) throw TROUBLE;
    left--;
    return find(ifname);
  };
  return () => {
    devices.find = find;
  };
}

for (const silent of ['host', 'proxy'] as const) {
  for (const device of ['eth1', 'tap:t0']) {
    scenario(`HANDLE with ${device} at the ${silent} is refused, whenever it falls silent`, async (world) => {
      const two = await pair(world);
      two.host.devices.add({ name: 'eth1' });
      two.proxy.devices.add({ name: 'eth1' });
      const standing = await handle(two.client);
      const line = handleLine({ local: device, far: device, macs: MAC2 });
      const wanted =
        silent === 'host'
          ? /^ERR 500 internal cannot list interfaces: /
          : /^ERR 502 remote-refused ERR 500 internal cannot list interfaces: /;
      let refused = 0;
      for (; ; refused++) {
        const restore = tells(two[silent], refused);
        const answer = await two.client.ask(line, 20_000);
        restore();
        if (answer.startsWith('OK handler=')) break;
        assert.match(answer, wanted);
        await world.elapse(1_000);
        assert.is(two.host.server.handlers.all().length, 1);
        assert.is(two.proxy.server.handlers.all().length, 1);
        assert.is(two[silent].devices.find('t0'), undefined);
      }
      assert.ok(refused > 1, `it was refused ${refused} times`);
      assert.is(stateOf(two.host, standing), 'binary');
      assert.is(stateOf(two.proxy, standing), 'binary');
    });
  }
}

scenario('DEVICES? is refused, and answered again when it tells', async (world) => {
  const { host, client } = await pair(world);
  host.devices.untold = TROUBLE;
  assert.is(await client.ask('DEVICES?'), `ERR 500 internal ${TROUBLE.message}`);
  assert.match(await client.ask('STATUS?'), /^OK /);
  host.devices.untold = undefined;
  assert.is((await client.list('DEVICES?')).length, 2);
});

scenario.run();
