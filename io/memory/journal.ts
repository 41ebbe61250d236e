/** The log's twin stands beside the files that it stands for. */
export { MemoryJournal } from '../journal/memory.ts';
