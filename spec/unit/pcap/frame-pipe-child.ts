/**
 * The child of frame-pipe.test.ts: tells of each injected frame. After one that begins with `P` it polls, without
 * leaving that turn of the event loop, until one that begins with `R` was injected.
 */
import { FramePipe } from '../../../io/device/pcap/frame-pipe.ts';
import { FRAMES_FD } from '../../../io/device/pcap/messages.ts';

let released = false;
const pipe = new FramePipe(FRAMES_FD, {
  inject(frame) {
    const text = frame.toString('latin1');
    process.send?.(text);
    if (text.startsWith('P')) {
      setImmediate(() => {
        while (!released) pipe.poll();
      });
    }
    if (text.startsWith('R')) released = true;
  },
  waiting: () => undefined,
  ended: () => process.exit(0),
});
process.send?.('ready');
