import { type Lab, missingCommands } from '../../lab/lab.ts';
import { ensurePrivileges, privilege } from '../../lab/privilege.ts';
import { CommandError } from '../../lab/program.ts';
import { DeadlineError } from '../../lab/wait.ts';
import { command } from '../cli/command.ts';
import { showMainJob } from '../demo/main-job.ts';
import { buildNetwork, DIAGRAM } from '../demo/network.ts';
import type { DemoTerminal } from '../demo/terminal.ts';
import { DemoError } from '../demo/terminal.ts';
import { DEMO } from '../usage/tools.ts';

const COMMANDS = ['ip', 'ping', 'dnsmasq', 'udhcpc', 'busybox', 'curl', 'nc'];

/** `vnet demo`. */
export const demo = command(DEMO, async ({ values }, around) => {
  const missing = missingCommands(COMMANDS);
  if (missing.length > 0) {
    around.err(`vnet demo: not installed here: ${missing.join(', ')}; \`npm run setup\` installs them\n`);
    return 1;
  }
  await ensurePrivileges();
  return perform(values.keep ?? false);
});

async function perform(keep: boolean): Promise<number> {
  const since = performance.now();
  const lab = await buildNetwork();
  try {
    process.stdout.write(DIAGRAM);
    await showMainJob(lab, async (terminal, vm) => {
      if (keep) await standStill(lab, terminal, vm);
    });
    process.stdout.write(`\nAll as it should be, in ${((performance.now() - since) / 1000).toFixed(0)} s.\n`);
    return 0;
  } catch (error) {
    if (!isExpected(error)) throw error;
    process.stderr.write(`\nNOT AS IT SHOULD BE: ${(error as Error).message}\n`);
    return 1;
  } finally {
    lab.close();
  }
}

const isExpected = (error: unknown): boolean =>
  error instanceof DemoError || error instanceof CommandError || error instanceof DeadlineError;

/** Leaves everything as it is until ^C, which then does not end the demo but lets it come to its end. */
async function standStill(lab: Lab, terminal: DemoTerminal, vm: string): Promise<void> {
  const enter = process.getuid?.() === 0 && process.env.VNET_LAB_INSIDE === undefined ? '' : outsideIn();
  terminal.print(`\nThe world stands, the VM is ${vm}. To play in it, type in another terminal:\n`);
  for (const machine of ['user', 'home', 'proxy', 'internet', 'host', 'vm']) {
    terminal.print(`  ${machine.padEnd(9)} ${enter}ip netns exec ${lab.fullName(machine)} bash`);
  }
  terminal.print(
    `\nThe folders of the machines are below ${lab.folder}. ^C closes the Handler and cleans up.`,
  );
  process.removeAllListeners('SIGINT');
  const forever = setInterval(() => {}, 1 << 30);
  await new Promise<void>((resolve) => process.once('SIGINT', resolve));
  clearInterval(forever);
  process.once('SIGINT', () => process.exit(130));
}

/** How one gets from outside into the user namespace that this process runs in. */
const outsideIn = (): string => {
  if (privilege().kind !== 'root') return '';
  return `nsenter -t $(pgrep -nf 'vnet.* demo --keep') -U --preserve-credentials -m -p -- `;
};
