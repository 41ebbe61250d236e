/** What depends on the listener, over unix:// and HELLO local. */
import { conformance, dependsOnListener } from './listener.ts';

await conformance('unix', { scheme: 'unix' }, dependsOnListener, false);
