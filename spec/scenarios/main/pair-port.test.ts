/**
 * The bare names eth0 (the Proxy's own port on the LAN) and vm0: the best backend there is, TLS.
 * The topology is drawn in `world.ts`.
 */
import { suite } from 'uvu';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { mainJob } from './main-job.ts';

await ensurePrivileges();

const test = suite('main job, pair-port');
mainJob(test, { lan: 'port', host: 'veth', capture: 'any', wire: 'tls' });
test.run();
