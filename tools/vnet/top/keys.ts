/** What keys do in `vnet top`. */
import { ORDERS, type Order } from './model.ts';

export interface View {
  readonly order: Order;
  readonly filter: string;
  readonly typing: boolean;
  readonly paused: boolean;
  /** Rows that the selection is to move by, until it was. */
  readonly move: number;
  readonly quit: boolean;
}

export const FIRST_VIEW: View = {
  order: 'd',
  filter: '',
  typing: false,
  paused: false,
  move: 0,
  quit: false,
};

const PAGE = 10;
const MOVES: Readonly<Record<string, number>> = {
  '\x1b[A': -1,
  '\x1b[B': 1,
  k: -1,
  j: 1,
  '\x1b[5~': -PAGE,
  '\x1b[6~': PAGE,
};

/** The keys in what a terminal sent at once, as it does where somebody types quickly or pastes. */
export function keysIn(text: string): readonly string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal sends arrows as escape sequences
  return text.match(/\x1b\[[0-9;]*[A-Za-z~]|[\s\S]/g) ?? [];
}

/** @param key as a terminal in raw mode sends it */
export function press(view: View, key: string): View {
  if (key === '\x03') return { ...view, quit: true };
  if (view.typing) return type(view, key);
  if (key === 'q') return { ...view, quit: true };
  if (key === '/') return { ...view, typing: true };
  if (key === '\x1b') return { ...view, filter: '' };
  if (key === ' ') return { ...view, paused: !view.paused };
  const move = MOVES[key];
  if (move !== undefined) return { ...view, move: view.move + move };
  return Object.hasOwn(ORDERS, key) ? { ...view, order: key as Order } : view;
}

function type(view: View, key: string): View {
  if (key === '\r' || key === '\n') return { ...view, typing: false };
  if (key === '\x1b') return { ...view, typing: false, filter: '' };
  if (key === '\x7f' || key === '\b') return { ...view, filter: view.filter.slice(0, -1) };
  return /^[ -~]+$/.test(key) ? { ...view, filter: view.filter + key } : view;
}
