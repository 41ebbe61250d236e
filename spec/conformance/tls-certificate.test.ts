/** What depends on how one says HELLO, over tls:// with a pinned certificate and by a certificate of the client's. */
import { strangersCertificate } from '../../tools/vnet/conform/certificate.ts';
import { conformance } from './listener.ts';

const own = await strangersCertificate();
const wanted = /^(text|records)\/|^session\/unauthenticated\/HELLO|^responder\/binary\//;
await conformance(
  'tls, by certificate',
  { scheme: 'tls', own, byCertificate: true },
  ({ id }) => wanted.test(id),
  false,
);
