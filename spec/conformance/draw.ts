/** Draws the state diagrams of spec/PROTOCOL.md anew: `node --import tsx spec/conformance/draw.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { withDiagrams } from '../../tools/vnet/conform/diagrams.ts';

const FILE = new URL('../PROTOCOL.md', import.meta.url);
const text = readFileSync(FILE, 'utf8');
const drawn = withDiagrams(text);
if (drawn === text) process.stdout.write('the diagrams are as they should be\n');
else {
  writeFileSync(FILE, drawn);
  process.stdout.write('drawn anew\n');
}
