import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

/** Says on 127.0.0.1 what a script tells it to. */
export class FakeServer {
  /** Every line that came. */
  readonly heard: string[] = [];
  greeting = 'OK VNET/1 server=fake auth=password';
  /** Where it listens, or did. */
  url = '';
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #arrived: () => void = () => {};

  private constructor(answer: (line: string, socket: Socket) => string | undefined) {
    this.#server = createServer((socket) => this.#serve(socket, answer));
  }

  /**
   * @param answer the lines that answer a line, or undefined for `OK`; HELLO and DONE are answered by OK
   * @param port 0: one that is free
   */
  static async start(
    answer: (line: string, socket: Socket) => string | undefined,
    port = 0,
  ): Promise<FakeServer> {
    const fake = new FakeServer(answer);
    await new Promise<void>((resolve) => fake.#server.listen(port, '127.0.0.1', resolve));
    fake.url = `tcp://127.0.0.1:${(fake.#server.address() as AddressInfo).port}`;
    return fake;
  }

  #serve(socket: Socket, answer: (line: string, socket: Socket) => string | undefined): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    if (this.greeting !== '') socket.write(`${this.greeting}\n`);
    let rest = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        this.heard.push(line);
        socket.write(`${answer(line, socket) ?? 'OK'}\n`);
        this.#arrived();
      }
    });
  }

  /** Resolves once such a line has come. */
  async hears(pattern: RegExp): Promise<void> {
    while (!this.heard.some((line) => pattern.test(line))) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  dropAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.dropAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
