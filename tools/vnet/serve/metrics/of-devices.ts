import type { Segment } from '../../../../actors/packet-path/segment.ts';
import { type Family, type Group, labelled } from './family.ts';
import type { Figures } from './figures.ts';

function ofDevice(
  type: Family['type'],
  name: string,
  help: string,
  value: (segment: Segment, figures: Figures) => number,
): Family {
  return labelled(type, name, help, ['device'], (figures) =>
    figures.segments.map(([device, segment]) => [[device], value(segment, figures)] as const),
  );
}

export const DEVICES: Group = {
  title: 'Each open device',
  families: [
    ofDevice(
      'gauge',
      'vnet_device_handlers',
      'Handlers on the interface',
      ({ device }, { handlers }) =>
        handlers.filter(({ onDevice }) => onDevice?.ifindex === device.ifindex).length,
    ),
    ofDevice(
      'counter',
      'vnet_device_kernel_dropped_frames_total',
      "Frames that the kernel's queue lost before they were read, since the interface was opened",
      ({ device }) => device.kernelDrops(),
    ),
  ],
};
