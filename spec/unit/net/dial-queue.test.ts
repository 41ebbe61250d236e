/** Who dials one server when: six at a time, the others in line. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DialQueue } from '../../../actors/handler/dial-queue.ts';

const test = suite('dial queue');
const URL = 'tls://far.example:7411';

/** A line whose six places are taken. */
function fullLine() {
  const queue = new DialQueue();
  const began: string[] = [];
  const enter = (name: string, asked: boolean, url = URL) => queue.enter(url, () => began.push(name), asked);
  const places = [1, 2, 3, 4, 5, 6].map((place) => enter(`first ${place}`, false));
  began.length = 0;
  return { began, enter, places };
}

test('those whom somebody waits for go first, and like the others in the order they came', () => {
  const { began, enter, places } = fullLine();
  enter('again 1', false);
  enter('asked 1', true);
  enter('again 2', false);
  enter('asked 2', true);
  assert.equal(began, [], 'there is no place');
  for (const leave of places.slice(0, 4)) leave();
  assert.equal(began, ['asked 1', 'asked 2', 'again 1', 'again 2']);
});

test('who gives up in line takes nobody else out of it', () => {
  const { began, enter, places } = fullLine();
  const giveUp = [enter('asked 1', true), enter('again 1', false)];
  enter('asked 2', true);
  enter('again 2', false);
  for (const leave of [...giveUp, ...giveUp]) leave();
  places[0]?.();
  places[0]?.();
  assert.equal(began, ['asked 2'], 'a place is given once');
  places[1]?.();
  assert.equal(began, ['asked 2', 'again 2']);
});

test('another server has a line of its own', () => {
  const { began, enter } = fullLine();
  enter('elsewhere', false, 'tls://near.example:7411');
  assert.equal(began, ['elsewhere']);
});

test.run();
