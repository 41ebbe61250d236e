/** The whole suite against a server in this process, over tcp:// on loopback. */
import { conformance } from './listener.ts';

await conformance('tcp', { scheme: 'tcp' }, () => true, true);
