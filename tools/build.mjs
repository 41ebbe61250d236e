#!/usr/bin/env node
/**
 * Bundles what runs, into dist/: the programs for Node, and the page of `vnet replay --format html` into one file of its
 * own. A bundle starts sooner and takes less memory than hundreds of modules do (docs/PERFORMANCE.md).
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Every program that is started by its path. What they share, and each command of `vnet`, is a chunk of its own. */
const PROGRAMS = [
  'tools/vnet/main.ts',
  'io/device/pcap/child.ts',
  'tools/lab/transfer.ts',
  'tools/bench/main.ts',
  'tools/bench/bare.ts',
];

/** Packages in the form of CommonJS ask for Node's own modules by `require`, which a module does not have. */
const REQUIRE = `import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);`;

/** @returns the files that were written, absolute */
async function programs() {
  const { metafile } = await build({
    entryPoints: PROGRAMS.map((path) => join(root, path)),
    outdir: join(root, 'dist'),
    outbase: root,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // For Node it names a form that cannot be cut down to what is used: 280 KB more.
    alias: { rxjs: join(root, 'node_modules/rxjs/dist/esm/index.js') },
    // The first has a native part that it finds beside itself; the others are large, and few commands use them.
    external: ['pcap', '@peculiar/x509', 'reflect-metadata', 'fast-check'],
    banner: { js: REQUIRE },
    // Names stay: a stack says them. What V8 keeps of each function is its text.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: 'linked',
    sourcesContent: false,
    keepNames: false,
    legalComments: 'none',
    metafile: true,
    absWorkingDir: root,
    logLevel: 'warning',
  });
  return Object.keys(metafile.outputs).map((path) => resolve(root, path));
}

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

/** @returns the file that was written, absolute */
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
  return [target];
}

/** What an earlier build left behind would never be used, and still be taken for a part of this one. */
function removeOthers(written) {
  const wanted = new Set(written);
  for (const entry of readdirSync(join(root, 'dist'), { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && /\.js(\.map)?$/.test(entry.name) && !wanted.has(path)) rmSync(path);
  }
}

const written = (await Promise.all([programs(), page()])).flat();
removeOthers(written);
chmodSync(join(root, 'dist/tools/vnet/main.js'), 0o755);
