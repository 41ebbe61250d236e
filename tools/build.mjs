#!/usr/bin/env node
/** Bundles what is not simply compiled: the page of `vnet replay --format html`, into one file of its own. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Bundles a program or a style sheet for browsers. @returns its text, with nothing in it that ends its element */
async function bundled(entry) {
  const { outputFiles } = await build({
    entryPoints: [join(root, entry)],
    bundle: true,
    format: 'iife',
    minify: true,
    legalComments: 'inline',
    // DecompressionStream came to all browsers in 2023.
    target: ['chrome110', 'firefox113', 'safari16.4'],
    charset: 'utf8',
    write: false,
    logLevel: 'warning',
  });
  return outputFiles[0].text;
}

/** Puts an element in the place of the one that names a file. */
function inlined(page, element, replacement) {
  if (page.split(element).length !== 2) throw new Error(`page.html must hold one ${element}`);
  return page.replace(element, () => replacement);
}

async function page() {
  const folder = 'tools/vnet/page';
  const [script, style] = await Promise.all(
    ['main.ts', 'page.css'].map((name) => bundled(`${folder}/${name}`)),
  );
  let text = readFileSync(join(root, folder, 'page.html'), 'utf8');
  text = inlined(text, '<link rel="stylesheet" href="./page.css">', `<style>${style}</style>`);
  text = inlined(text, '<script type="module" src="./main.ts"></script>', `<script>${script}</script>`);
  const target = join(root, 'dist/tools/vnet/page.html');
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}

await page();
