/**
 * pcap:eth0, the Proxy's own port on the LAN, and pcap:vm0 on the Host, TLS.
 * The slowest pair: 256 MiB each way, for the time of the whole run; `pair-bridge-pcap` moves a GiB through pcap.
 * The topology is drawn in `world.ts`.
 */
import { suite } from 'uvu';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { mainJob } from './main-job.ts';

await ensurePrivileges();

const test = suite('main job, pair-port-pcap');
mainJob(test, { lan: 'port', host: 'veth', capture: 'pcap', wire: 'tls' }, 256);
test.run();
