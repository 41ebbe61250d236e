/** Reads CAPTURED lines of one server or two until it is told to stop, or so many frames have come. */
import { parseAnswerLine } from '../../../machines/protocol/answers.ts';
import { Failure } from '../cli/failures.ts';
import { type Conversation, Refused } from '../client/conversation.ts';
import { type Captured, readCaptured } from './captured.ts';

/**
 * @param servers the near one, and the far one where it is asked as well
 * @param most frames, after which it ends; undefined: as many as come
 * @param ready resolves when more may come
 * @throws Failure (3) when a server goes away
 */
export async function follow(
  servers: readonly Conversation[],
  stop: AbortSignal,
  most: number | undefined,
  add: (captured: Captured) => void,
  ready: () => Promise<void> | undefined,
): Promise<{ readonly frames: number; readonly missed: number }> {
  let [frames, missed] = [0, 0];
  const end = new AbortController();
  const interrupt = () => {
    end.abort();
    for (const server of servers) server.interrupt();
  };
  if (stop.aborted) return { frames, missed };
  stop.addEventListener('abort', interrupt, { once: true });
  const read = async (server: Conversation, far: boolean): Promise<void> => {
    while (!end.signal.aborted) {
      const line = await server.next();
      if (end.signal.aborted) return;
      if (line === undefined)
        throw new Failure(3, `The server ${server.server} went away; nothing more will come.`);
      const answer = parseAnswerLine(line);
      if (answer.kind === 'err') throw new Refused(line, answer.reason);
      const captured = answer.kind === 'data' ? readCaptured(far ? 'far' : 'near', answer) : undefined;
      if (captured === undefined) continue;
      if ('missed' in captured) {
        missed += captured.missed;
        continue;
      }
      frames++;
      add(captured);
      if (most !== undefined && frames >= most) interrupt();
      await ready();
    }
  };
  try {
    await Promise.all(servers.map((server, i) => read(server, i > 0)));
  } finally {
    stop.removeEventListener('abort', interrupt);
  }
  return { frames, missed };
}
