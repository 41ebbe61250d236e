/** What depends on the listener, over tls:// with a pinned certificate and by password. */
import { strangersCertificate } from '../../tools/vnet/conform/certificate.ts';
import { conformance, dependsOnListener } from './listener.ts';

const own = await strangersCertificate();
await conformance('tls, by password', { scheme: 'tls', own }, dependsOnListener, false);
