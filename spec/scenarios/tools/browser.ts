/** Headless Chromium by its DevTools protocol over a pipe (descriptors 3 and 4, messages ended by NUL). */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Readable, Writable } from 'node:stream';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];

/** The browser of this machine; undefined when there is none. */
export function findBrowser(): string | undefined {
  const wanted = process.env.CHROMIUM === undefined ? PROGRAMS : [process.env.CHROMIUM];
  return wanted.find((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0);
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** One page. */
export class Browser {
  /** URLs that the page asked for, its own aside. */
  readonly requested: string[] = [];
  /** What the page complained of. */
  readonly complaints: string[] = [];
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #number = 0;
  #session: string | undefined;

  private constructor(program: string) {
    this.#profile = fs.mkdtempSync(path.join(os.tmpdir(), 'vnet-browser-'));
    const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
    const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
    const own = ['--window-size=1400,900', `--user-data-dir=${this.#profile}`, '--remote-debugging-pipe'];
    this.#process = spawn(program, [...args, ...quiet, ...own, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    let rest = '';
    const output = this.#process.stdio[4] as Readable;
    output.setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#take(JSON.parse(message) as Message);
    });
  }

  /** Opens a page and waits until it has loaded. */
  static async open(program: string, file: string): Promise<Browser> {
    const browser = new Browser(program);
    const { targetInfos } = await browser.#send('Target.getTargets');
    const page = (targetInfos as { targetId: string; type: string }[]).find(({ type }) => type === 'page');
    const { sessionId } = await browser.#send('Target.attachToTarget', {
      targetId: page?.targetId,
      flatten: true,
    });
    browser.#session = sessionId as string;
    for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await browser.#send(`${domain}.enable`);
    await browser.#send('Page.navigate', { url: `file://${file}` });
    return browser;
  }

  #take({ id, method, params, ...message }: Message): void {
    if (id !== undefined) {
      this.#waiting.get(id)?.({ ...message });
      this.#waiting.delete(id);
    } else if (method === 'Network.requestWillBeSent') {
      const { url } = (params as { request: { url: string } }).request;
      if (!url.startsWith('file://') && !url.startsWith('about:')) this.requested.push(url);
    } else if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded') {
      this.complaints.push(JSON.stringify(params));
    }
  }

  #send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#number;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    (this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
    });
  }

  /** What an expression comes to in the page; promises are awaited. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value?: unknown }).value;
  }

  async text(expression: string): Promise<string> {
    return String(await this.evaluate(expression));
  }

  /** Clicks, again after a second where nothing came of it, as a person would. @throws Error after five clicks */
  async clickUntil(selector: string, expression: string): Promise<void> {
    for (let clicks = 1; ; clicks++) {
      await this.click(selector);
      try {
        return await this.until(expression, 1000);
      } catch (error) {
        if (clicks === 5) throw error;
      }
    }
  }

  /** Waits until an expression is true in the page. @throws Error after `milliseconds` */
  async until(expression: string, milliseconds = 20_000): Promise<void> {
    const deadline = Date.now() + milliseconds;
    while ((await this.evaluate(`Boolean(${expression})`)) !== true) {
      if (Date.now() > deadline) throw new Error(`it did not come true in the page: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A real click, at the middle of an element. */
  async click(selector: string): Promise<void> {
    const box = (await this.evaluate(
      `(({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 }))(document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect())`,
    )) as { x: number; y: number };
    for (const type of ['mousePressed', 'mouseReleased']) {
      await this.#send('Input.dispatchMouseEvent', { type, ...box, button: 'left', clickCount: 1 });
    }
  }

  async press(key: string): Promise<void> {
    for (const type of ['keyDown', 'keyUp'])
      await this.#send('Input.dispatchKeyEvent', { type, key, code: key });
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#process.once('close', resolve));
    this.#session = undefined;
    const late = setTimeout(() => this.#process.kill('SIGKILL'), 5000);
    // It may be gone before it has answered.
    void this.#send('Browser.close').catch(() => {});
    await gone;
    clearTimeout(late);
    // A helper of the browser may still be writing to its profile.
    fs.rmSync(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
