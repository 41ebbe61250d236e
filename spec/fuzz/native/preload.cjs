/**
 * For `node --require`: what loads the addon gets the one that was built with the sanitizers, and so do the child
 * processes of pcap devices, which inherit nothing by themselves. A script, since `--require` takes no TypeScript.
 */
const childProcess = require('node:child_process');
const { syncBuiltinESMExports } = require('node:module');
const { join } = require('node:path');

const USUAL = join('io', 'device', 'native', 'build', 'Release', 'vnet.node');
const SANITIZED = join(__dirname, 'build', 'Release', 'vnet.node');
const INHERITED = ['LD_PRELOAD', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'NODE_OPTIONS'];

const { dlopen } = process;
process.dlopen = (module, file, ...rest) =>
  dlopen.call(process, module, file.endsWith(USUAL) ? SANITIZED : file, ...rest);

const { fork } = childProcess;
childProcess.fork = (file, args, options) => {
  const ours = Object.fromEntries(INHERITED.map((name) => [name, process.env[name]]));
  return fork(file, args, { ...options, env: { ...ours, ...options.env } });
};
syncBuiltinESMExports();
