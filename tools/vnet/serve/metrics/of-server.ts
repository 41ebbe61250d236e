import { type Group, labelled, single } from './family.ts';

/** Of the server as a whole. */
export const SERVER: Group = {
  title: 'The server',
  families: [
    labelled(
      'gauge',
      'vnet_build_info',
      'Always 1; its labels tell the name of the server, its version and that of Node',
      ['name', 'version', 'node'],
      ({ server }) => [[[server.name, server.version, process.versions.node], 1]],
    ),
    single('gauge', 'vnet_sessions', 'Sessions that are open', ({ server }) => server.sessions.count),
    single(
      'gauge',
      'vnet_sessions_limit',
      'Most authenticated sessions',
      ({ server }) => server.limits.sessions,
    ),
    single(
      'gauge',
      'vnet_sessions_unauthenticated',
      'Sessions that are open and have not said a right HELLO yet',
      ({ server }) => server.sessions.strangers,
    ),
    single(
      'counter',
      'vnet_sessions_turned_away_total',
      'Connections that were turned away (429) because there were too many',
      ({ server }) => server.sessions.turnedAway,
    ),
    labelled(
      'gauge',
      'vnet_handlers',
      'Handlers by their states; what is in none is left out',
      ['state'],
      (figures) => {
        const counts = new Map<string, number>();
        for (const { state } of figures.handlers) counts.set(state, (counts.get(state) ?? 0) + 1);
        return [...counts].map(([state, count]) => [[state], count] as const);
      },
    ),
    single('gauge', 'vnet_handlers_limit', 'Most Handlers', ({ server }) => server.limits.handlers),
    single(
      'counter',
      'vnet_log_records_total',
      'Position of the event log: the number of its last record, which goes on over restarts',
      ({ server }) => server.journal.position,
    ),
    single(
      'gauge',
      'vnet_log_writable',
      '1 while records reach the log; 0 while HANDLE, BEGIN and CLOSE are refused because they do not',
      ({ server }) => Number(server.journal.available),
    ),
    single(
      'gauge',
      'vnet_log_sound',
      '1 while all is well with the log; 0 also when its files were changed by somebody else (log_state in `vnet status`)',
      ({ server }) => Number(server.journal.status === 'ok'),
    ),
    single(
      'counter',
      'vnet_diagnostics_dropped_lines_total',
      'Lines that could not be written to standard error',
      ({ beside }) => beside.diagnosticsDropped,
    ),
    single(
      'gauge',
      'vnet_certificate_end_timestamp_seconds',
      'When our own certificate ends, in seconds since 1970; left out without one',
      ({ beside }) => beside.certificateEnds,
    ),
  ],
};
