/** Manual pages: complete, and without a warning from groff or mandoc. */
import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { missingCommands } from '../../../tools/lab/lab.ts';
import { allCommands, declare } from '../../../tools/vnet/cli/declaration.ts';
import { manPages } from '../../../tools/vnet/cli/man.ts';
import { PROGRAM } from '../../../tools/vnet/usage/program.ts';

const test = suite('manual pages');
const EDITION = { version: '1.2.3', date: '2026-01-31' };
const PAGES = manPages(PROGRAM, EDITION);

/** A command whose texts hold everything that roff gives a meaning to. */
const ODD = declare({
  name: 'odd',
  about: "it's odd",
  description: ['.PP is no macro', "'neither is this", 'a \\ and "quotes", ~ ^ ` … ü'],
  arguments: [{ name: 'a-b', text: '.SH' }],
  options: { 'x-y': { value: 'N M', text: '.TH \\fB' } },
  exit: [[0, '']],
});
const ODD_PAGE = manPages({ ...PROGRAM, sections: [{ title: '.x', commands: { odd: ODD } }] }, EDITION).at(
  -1,
)!.text;

test('one for the program and one for each command', () => {
  const files = allCommands(PROGRAM).map(({ name }) => `vnet-${name.replace(' ', '-')}.1`);
  assert.equal(
    PAGES.map(({ file }) => file),
    ['vnet.1', ...files],
  );
  for (const file of files) assert.match(PAGES[0]!.text.replaceAll('\\-', '-'), `${file.slice(0, -2)}(1)`);
});

test('every option, argument and exit status is there', () => {
  for (const [index, command] of allCommands(PROGRAM).entries()) {
    const plain = PAGES[index + 1]!.text.replaceAll('\\-', '-');
    for (const option of Object.keys(command.options)) assert.match(plain, `--${option}`);
    for (const { name } of command.arguments) assert.match(plain, `.I ${name}`);
    for (const [code, what] of command.exit) assert.match(plain, `.B ${code}\n${what}`);
  }
});

const missing = missingCommands(['groff', 'mandoc']);
if (missing.length > 0) process.stderr.write(`skipped: not installed here: ${missing.join(', ')}\n`);

const TOOLS: Readonly<Record<string, readonly string[]>> = {
  groff: ['-man', '-ww', '-Tutf8', '-Kutf8'],
  mandoc: ['-T', 'lint', '-W', 'warning'],
};
for (const [tool, args] of Object.entries(TOOLS)) {
  if (missing.includes(tool)) continue;
  test(`${tool} has nothing to say against them`, () => {
    for (const { file, text } of [...PAGES, { file: 'odd', text: ODD_PAGE }]) {
      const { stderr, stdout, status } = spawnSync(tool, args, { input: text, encoding: 'utf8' });
      assert.equal([status, stderr, tool === 'mandoc' ? stdout : ''], [0, '', ''], file);
    }
  });
}

if (!missing.includes('groff')) {
  test('what roff gives a meaning to is printed as it stands', () => {
    const { stdout } = spawnSync('groff', ['-man', '-Tutf8', '-Kutf8', '-P-bcou'], {
      input: ODD_PAGE,
      encoding: 'utf8',
    });
    for (const text of [
      '.PP is no macro',
      "'neither is this",
      'a \\ and "quotes", ~ ^ ` … ü',
      '.TH \\fB',
      '--x-y N M',
    ]) {
      assert.ok(stdout.includes(text), `${text} in ${stdout}`);
    }
  });
}

test.run();
