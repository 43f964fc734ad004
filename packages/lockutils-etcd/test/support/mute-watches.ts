import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy in front of one member that can make the connections mute that carry a watch, and only those. */
export class MuteWatches implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #watching = new Map<Socket, string>();
  readonly #mute = new Set<Socket>();
  #silent = false;

  private constructor(server: Server, target: string) {
    this.#server = server;
    const { port } = new URL(target);
    server.on('connection', (client) => {
      const member = connect(Number(port), '127.0.0.1');
      for (const socket of [client, member]) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#sockets.delete(socket);
          this.#watching.delete(client);
          this.#mute.delete(client);
          (socket === client ? member : client).destroy();
        });
      }
      client.on('data', (data) => {
        const key = /"key":"([^"]+)"/.exec(data.toString())?.[1];
        if (data.includes('/v3/watch') || this.#watching.get(client) === '') this.#watching.set(client, key ?? '');
        if (this.#silent && this.#watching.has(client)) this.#mute.add(client);
        if (!this.#mute.has(client)) member.write(data);
      });
      member.on('data', (data) => {
        if (!this.#mute.has(client)) client.write(data);
      });
    });
  }

  static async start(target: string): Promise<MuteWatches> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new MuteWatches(server, target);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Makes the watches of that key that stand now mute; answers how many. Nothing is closed: nobody is told. */
  muteNow(key: string): number {
    const encoded = Buffer.from(key).toString('base64');
    const found = [...this.#watching].filter(([, watched]) => watched === encoded);
    for (const [socket] of found) this.#mute.add(socket);
    return found.length;
  }

  /** Makes all watches mute, those to come too, until the returned function cuts them. */
  silence(): () => void {
    this.#silent = true;
    for (const socket of this.#watching.keys()) this.#mute.add(socket);
    return () => {
      this.#silent = false;
      for (const socket of this.#mute) socket.destroy();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }
}
