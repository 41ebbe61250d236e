/**
 * A TAP in the bridge of a Proxy that is itself the LAN's router and DHCP server, and a TAP on the Host, TLS.
 * The topology is drawn in `world.ts`.
 */
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { tapSuite } from '../tap-suite.ts';
import { mainJob } from './main-job.ts';

await ensurePrivileges();

const test = tapSuite('main job, pair-tap');
mainJob(test, { lan: 'tap', host: 'tap', capture: 'any', wire: 'tls' });
test.run();
