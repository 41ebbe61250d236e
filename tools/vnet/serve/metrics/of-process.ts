import { type Group, labelled, single } from './family.ts';

export const PROCESS: Group = {
  title: 'The process',
  families: [
    single(
      'gauge',
      'vnet_process_start_timestamp_seconds',
      'When the process was started, in seconds since 1970',
      ({ process }) => process.started,
    ),
    labelled(
      'counter',
      'vnet_process_cpu_seconds_total',
      'Processor time of all its threads',
      ['mode'],
      (figures) => [
        [['user'], figures.process.cpuUser],
        [['system'], figures.process.cpuSystem],
      ],
    ),
    single(
      'gauge',
      'vnet_process_resident_memory_bytes',
      'Memory that it has in RAM',
      ({ process }) => process.resident,
    ),
    single(
      'gauge',
      'vnet_process_heap_used_bytes',
      'Of it: objects of JavaScript',
      ({ process }) => process.heap,
    ),
    single(
      'gauge',
      'vnet_process_open_descriptors',
      'Descriptors that are open',
      ({ process }) => process.descriptors,
    ),
    single(
      'gauge',
      'vnet_process_descriptors_limit',
      'Most descriptors (LimitNOFILE of the unit)',
      ({ process }) => process.descriptorsLimit,
    ),
    single(
      'counter',
      'vnet_event_loop_active_seconds_total',
      'Time that the event loop worked; its rate is the share of one processor core that the server is busy',
      ({ process }) => process.loopActive,
    ),
    single(
      'counter',
      'vnet_event_loop_idle_seconds_total',
      'Time that the event loop waited for something to do',
      ({ process }) => process.loopIdle,
    ),
    single(
      'gauge',
      'vnet_event_loop_delay_seconds',
      'How long one turn of the event loop took when this was asked for: what a frame waits at most',
      ({ process }) => process.loopDelay,
    ),
  ],
};
