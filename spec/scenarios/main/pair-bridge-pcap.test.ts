/**
 * pcap:br0 on the Proxy, pcap:vm0 on the Host, plain TCP: --allow-plaintext because the plain path is what this pair measures.
 * The topology is drawn in `world.ts`.
 */
import { suite } from 'uvu';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { mainJob } from './main-job.ts';

await ensurePrivileges();

const test = suite('main job, pair-bridge-pcap');
mainJob(test, { lan: 'bridge', host: 'veth', capture: 'pcap', wire: 'tcp' });
test.run();
