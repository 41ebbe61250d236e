/**
 * Where in the source a line of a bundle comes from. Node does it for all that is loaded behind
 * `process.setSourceMapsEnabled`, and keeps every map in memory for that; this reads a map when it is asked for.
 */
import { existsSync, readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The place in a frame of `Error.stack`: `name (file:///…/chunk.js:1:234)`, or without the name and the brackets. */
const PLACE = /(file:\/\/\/[^\s()]+|\/[^\s()]+\.js):(\d+):(\d+)/;

/** The frame with its place in the source; as it is where no map tells of it. */
export function sourceFrame(frame: string): string {
  return frame.replace(PLACE, (place, file: string, line: string, column: string) => {
    const path = file.startsWith('file:') ? fileURLToPath(file) : file;
    return sourcePlace(path, Number(line), Number(column)) ?? place;
  });
}

function sourcePlace(path: string, line: number, column: number): string | undefined {
  const map = `${path}.map`;
  if (!existsSync(map)) return undefined;
  const payload = JSON.parse(readFileSync(map, 'utf8')) as SourceMapPayload;
  const entry = new SourceMap(payload).findEntry(line - 1, column - 1);
  if (!('originalSource' in entry)) return undefined;
  const { originalSource, originalLine, originalColumn } = entry;
  return `${resolve(dirname(path), originalSource)}:${originalLine + 1}:${originalColumn + 1}`;
}
