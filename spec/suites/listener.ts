/** Who hears what a device reads, for tests. */
import type { Batch, DeviceSink, FrameDevice } from '../../io/ports.ts';
import { frameNumber, isTestFrame, parseRecords, RECORD_OFFLOAD } from './frames.ts';

/** Collects what a device says. Frames are copied during the call, as nothing is valid after it. */
export class Listener implements DeviceSink {
  readonly heard: Buffer[] = [];
  readonly reasons: string[] = [];
  readonly wrong: string[] = [];
  constructor(readonly onBatch: (batch: Batch) => void = () => undefined) {}

  frames(batch: Batch): void {
    const records = parseRecords(batch.buffer.subarray(batch.start, batch.end));
    if (batch.frames !== records.length) this.wrong.push(`${batch.frames} said, ${records.length} there`);
    if (records.length === 0) this.wrong.push('an empty batch');
    if (this.reasons.length > 0) this.wrong.push('frames after gone');
    for (const { type, payload } of records) {
      const frame = type === RECORD_OFFLOAD ? payload.subarray(12) : payload;
      if (isTestFrame(frame)) this.heard.push(frame);
    }
    this.onBatch(batch);
  }

  gone(reason: string): void {
    this.reasons.push(reason);
  }
}

/** Numbers of the test frames that a device hears from now on. */
export function numbersHeard(device: FrameDevice): number[] {
  const heard: number[] = [];
  device.start({
    frames({ buffer, start, end }) {
      const frames = parseRecords(buffer.subarray(start, end)).map(({ payload }) => payload);
      heard.push(...frames.filter(isTestFrame).map(frameNumber));
    },
    gone: () => {},
  });
  return heard;
}
