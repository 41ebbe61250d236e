/**
 * A long way between two namespaces, for kernels without netem:
 *
 *     one [dev] ── line.cc: delay, loss, rate, queue, reordering, cuts ── [dev] other
 */
import { checkConditions, type LineConditions } from '../../io/memory/line.ts';
import { projectFile } from '../../io/project.ts';
import { compiled } from './compile.ts';
import { type CableEnd, configuration, type Lab } from './lab.ts';
import type { Program } from './program.ts';

/** From the first end of the line to the second, the other way, or both ways. */
export type Towards = 'A>B' | 'B>A' | 'both';

/** What became of the frames of one direction. */
export interface LineCounters {
  readonly carried: number;
  readonly lost: number;
  readonly full: number;
  readonly cut: number;
  readonly reordered: number;
}

const SOURCE = projectFile('tools/lab/line.cc');

export class Line {
  #answers = 0;

  private constructor(private readonly program: Program) {}

  /**
   * Lays a line and puts its ends, up and with their addresses, where they belong. It ends with the lab.
   * @param seed the same seed loses the same frames of the same traffic
   * @throws CommandError, RangeError
   */
  static async lay(
    lab: Lab,
    one: CableEnd,
    other: CableEnd,
    conditions: LineConditions = {},
    seed = 1,
  ): Promise<Line> {
    checkConditions(conditions);
    const program = lab.spawn(one.ns, [await compiled(SOURCE), 'lineA', 'lineB', String(seed)]);
    await program.waitFor(/^READY$/m);
    await lab.ip(one.ns, `link set lineB netns ${lab.fullName(other.ns)} name ${other.dev}`);
    await lab.ip(one.ns, `link set lineA name ${one.dev}`);
    for (const end of [one, other]) await lab.ip(end.ns, ...configuration(end));
    const line = new Line(program);
    await line.set(conditions);
    return line;
  }

  /** Changes conditions from now on; those not named stay. @throws RangeError */
  async set(conditions: LineConditions, towards: Towards = 'both'): Promise<void> {
    checkConditions(conditions);
    const words = Object.entries(conditions).map(([name, value]) => `${name}=${Number(value)}`);
    if (words.length > 0) await this.#ask([towards, ...words].join(' '));
  }

  async counters(): Promise<{ readonly forth: LineCounters; readonly back: LineCounters }> {
    const [, forth = '', back = ''] = /A>B (.*) B>A (.*)/.exec(await this.#ask('counters')) ?? [];
    return { forth: readCounters(forth), back: readCounters(back) };
  }

  async #ask(line: string): Promise<string> {
    const number = this.#answers++;
    this.program.type(`${line}\n`);
    const [, answer = ''] = await this.program.waitFor(
      new RegExp(`^READY\n(?:.*\n){${number}}((?:OK|ERR).*)\n`),
    );
    if (!answer.startsWith('OK')) throw new Error(`the line does not take "${line}": ${answer}`);
    return answer;
  }
}

function readCounters(text: string): LineCounters {
  const value = (name: keyof LineCounters) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(text)?.[1]);
  return {
    carried: value('carried'),
    lost: value('lost'),
    full: value('full'),
    cut: value('cut'),
    reordered: value('reordered'),
  };
}
