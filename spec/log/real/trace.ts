/** Reads what strace wrote of a server: in which order records and answers left the process. */

export interface Trace {
  /** Last lines of answers, greetings among them, that went out on sockets. */
  readonly answers: number;
  /** Those that left before their record was written. */
  readonly early: readonly string[];
  /** Those that left before an fdatasync that began behind that write had ended. */
  readonly unsynced: readonly string[];
  /** Writes to the log, and records in them. */
  readonly writes: number;
  readonly records: number;
}

interface Written {
  /** Records of each session that are answered by one last line, so far; and of those, how many are on the disk. */
  written: number;
  synced: number;
  answered: number;
}

/** Events that are answered by one line that begins OK or ERR. */
const ANSWERED = new Set(['@created', 'verified', 'rejected', 'bad-line', 'HANDLERS?', 'HELP?', 'DONE']);
const CALL = /^(\d+)\s+(write|writev|sendto|sendmsg|fdatasync)\((\d+)<([^>]*(?:->[^>]*)?)>(.*)$/;
const RESUMED = /^(\d+)\s+<\.\.\. fdatasync resumed>/;

/**
 * Sockets and sessions go together by the order in which they were greeted: the n-th record `@created` of a session
 * belongs to the n-th socket that was written to.
 */
export function readTrace(text: string): Trace {
  const sessions: Written[] = [];
  const names = new Map<string, Written>();
  const sockets = new Map<string, Written>();
  const early: string[] = [];
  const unsynced: string[] = [];
  const begun = new Map<string, readonly number[]>();
  let answers = 0;
  let writes = 0;
  let records = 0;

  const noteRecord = (actor: string, type: string) => {
    records++;
    if (type === '@created' && actor.startsWith('session:')) {
      const made = { written: 0, synced: 0, answered: 0 };
      sessions.push(made);
      names.set(actor, made);
    }
    const session = names.get(actor);
    if (session !== undefined && ANSWERED.has(type)) session.written++;
  };
  const noteAnswer = (socket: string, line: string) => {
    answers++;
    const session = sockets.get(socket) ?? sessions[sockets.size];
    if (session === undefined) return void early.push(line);
    sockets.set(socket, session);
    session.answered++;
    if (session.answered > session.written) early.push(line);
    if (session.answered > session.synced) unsynced.push(line);
  };
  const syncBegins = (thread: string) =>
    begun.set(
      thread,
      sessions.map(({ written }) => written),
    );
  const syncEnds = (thread: string) => {
    for (const [index, written] of (begun.get(thread) ?? []).entries()) sessions[index]!.synced = written;
  };

  for (const line of text.split('\n')) {
    const resumed = RESUMED.exec(line)?.[1];
    if (resumed !== undefined) syncEnds(resumed);
    const [, thread = '', call, , target = '', rest = ''] = CALL.exec(line) ?? [];
    if (call === undefined) continue;
    if (call === 'fdatasync') {
      syncBegins(thread);
      if (!rest.includes('unfinished')) syncEnds(thread);
    } else if (target.endsWith('.ndjson')) {
      writes++;
      for (const [, actor = '', type = ''] of rest.matchAll(
        /\\"actor\\":\\"(.*?)\\".*?\\"type\\":\\"(.*?)\\"/g,
      ))
        noteRecord(actor, type);
    } else if (target.startsWith('UNIX') || target.startsWith('TCP')) {
      for (const [, answer = ''] of rest.matchAll(/(?:"|\\n)((?:OK|ERR)\b[^\\]*)/g))
        noteAnswer(target, answer);
    }
  }
  return { answers, early, unsynced, writes, records };
}
