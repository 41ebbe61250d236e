/**
 * What a device and the server remember: which fields of its context an event changes, along whole lives. (What it does
 * is in the tests of each machine.) HANDLERS?, STATUS?, the log and what comes later depend on these fields.
 */
import { suite } from 'uvu';
import { deviceDefinition, serverDefinition } from '../../../machines/index.ts';
import { walk } from './contexts.ts';

const test = suite('contexts of a device and the server');

const deviceInput = {
  name: 'tap:t0',
  spec: { kind: 'tap', ifname: 't0' },
  creates: true,
  handler: 'a',
  wantedMtu: null,
  identity: null,
};
const deviceOpened = { type: 'opened', ifindex: 7, kernel: 'k', mtu: 1500, backend: 'tap' };
const deviceFailed = { type: 'failed', reason: 'device-busy' };
const [joinA, joinB, leaveA] = [
  { type: 'join', handler: 'a' },
  { type: 'join', handler: 'b' },
  { type: 'leave', handler: 'a' },
] as const;

test('a device remembers its Handlers, its interface, and whether it was made', () => {
  walk(deviceDefinition, deviceInput, [
    [joinB, 'handlers=[a,b]'],
    [deviceOpened, 'made=true identity={ifindex:7,kernel:k} ifindex=7 mtu=1500'],
    [joinA, 'handlers=[b,a]'],
    [leaveA, 'handlers=[b]'],
    [{ type: 'restart', handlers: ['b', 'c'] }, 'handlers=[b,c] ifindex=null mtu=null'],
    [{ type: 'leave', handler: 'c' }, 'handlers=[b]'],
    [joinA, 'handlers=[b,a]'],
    [deviceFailed, 'why=device-busy'],
    [leaveA, 'handlers=[b]'],
    [{ type: 'leave', handler: 'b' }, 'handlers=[]'],
  ]);
  walk(deviceDefinition, { ...deviceInput, creates: false }, [
    [deviceOpened, 'identity={ifindex:7,kernel:k} ifindex=7 mtu=1500'],
    [{ type: 'gone', why: 'deleted' }, 'why=deleted'],
  ]);
  walk(deviceDefinition, deviceInput, [
    [deviceOpened, 'made=true identity={ifindex:7,kernel:k} ifindex=7 mtu=1500'],
    [{ type: 'restart', handlers: [] }, 'handlers=[] ifindex=null mtu=null'],
  ]);
  walk(deviceDefinition, deviceInput, [
    [deviceOpened, 'made=true identity={ifindex:7,kernel:k} ifindex=7 mtu=1500'],
    [leaveA, 'handlers=[]'],
  ]);
  walk(deviceDefinition, deviceInput, [[deviceFailed, 'why=device-busy']]);
  walk(deviceDefinition, deviceInput, [
    [deviceOpened, 'made=true identity={ifindex:7,kernel:k} ifindex=7 mtu=1500'],
    [{ type: 'restart', handlers: ['a'] }, 'ifindex=null mtu=null'],
    [joinA, ''],
    [leaveA, 'handlers=[]'],
    [deviceFailed, 'why=device-busy'],
  ]);
});

test('a server remembers its run', () => {
  const start = { type: 'start', boot: 'b1', version: '1.0.0', name: 'south', now: 0 };
  walk(serverDefinition, { name: 'north' }, [[start, 'name=south boot=b1 version=1.0.0']]);
});

test.run();
