/** What is answered on each path of `--http` (PROTOCOL.md section 9). */
import { plainAnswer } from '../../../../io/http/listen.ts';
import type { HttpAnswer, HttpAnswerer, HttpRequest } from '../../../../io/ports.ts';
import { Expositions } from '../metrics/exposition.ts';
import { type Beside, figuresOf, type ServerView } from '../metrics/figures.ts';
import { processFigures } from '../metrics/process.ts';
import type { Access } from './access.ts';

export interface AnswerWorld {
  readonly server: ServerView;
  /** Whether READY was said, and the end has not begun. */
  ready(): boolean;
  beside(): Beside;
  /** Undefined: only this machine can ask, and no password is asked for. */
  readonly access: Access | undefined;
}

const NO_PAGE = plainAnswer(
  404,
  'there is no page here: /metrics has the figures, /healthz says whether the server is well',
);
const NOTHING = plainAnswer(404, 'there is nothing here: only /metrics and /healthz are');

export function answers(world: AnswerWorld): HttpAnswerer {
  const expositions = new Expositions();
  return (request) => {
    switch (request.path) {
      case '/metrics':
        return metrics(world, expositions, request);
      case '/healthz':
        return health(world);
      case '/':
        return NO_PAGE;
      default:
        return NOTHING;
    }
  };
}

async function metrics(
  { server, beside, access }: AnswerWorld,
  expositions: Expositions,
  request: HttpRequest,
): Promise<HttpAnswer> {
  const admission = access === undefined ? { sees: undefined } : await access.admit(request);
  if ('refusal' in admission) return admission.refusal;
  const figures = figuresOf(server, await processFigures(), beside(), admission.sees);
  return { status: 200, ...(await expositions.text(figures, request.accept)) };
}

function health({ server: { journal }, ready, access }: AnswerWorld): HttpAnswer {
  if (!ready()) return plainAnswer(503, 'the server is not READY: it starts, or comes to its end');
  if (journal.available) return plainAnswer(200, 'ok');
  // The words of the error may name files, which are nobody's business elsewhere.
  const why = access === undefined ? ` (${journal.status})` : '';
  return plainAnswer(
    503,
    `the log cannot be written${why}: HANDLE, BEGIN and CLOSE are refused until it can`,
  );
}
