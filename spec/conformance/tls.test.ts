/** What depends on the listener, over tls:// with a pinned certificate: by password, and by certificate. */
import { strangersCertificate } from '../../tools/conform/certificate.ts';
import { conformance, dependsOnListener } from './listener.ts';

const own = await strangersCertificate();
await conformance('tls, by password', { scheme: 'tls', own }, dependsOnListener, false);
await conformance(
  'tls, by certificate',
  { scheme: 'tls', own, byCertificate: true },
  ({ id }) => /^(text|records)\/|^session\/unauthenticated\/HELLO|^responder\/binary\//.test(id),
  false,
);
