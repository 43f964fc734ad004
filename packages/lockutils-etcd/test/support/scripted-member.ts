import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Gateway } from '../../src/gateway/gateway.js';

/** Answers one request to the path it is given for; the last of several answers all that follow. */
export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** A server that speaks as a member of etcd does, but says what the test wants, and a gateway that asks it. */
export async function scriptedMember(
  script: Readonly<Record<string, readonly Answer[]>>,
): Promise<AsyncDisposable & { readonly gateway: Gateway; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    request.resume();
    const path = request.url ?? '';
    if (path === '/version') {
      response.end('{"etcdserver":"3.5.0"}');
      return;
    }
    asked.push(path);
    const answers = script[path] ?? [];
    const count = asked.filter((one) => one === path).length;
    answers[Math.min(count, answers.length) - 1]?.(response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const endpoints = [`http://127.0.0.1:${port}`];
  const gateway = new Gateway({ endpoints, tls: undefined, credentials: undefined, requestTimeout: 5000 });
  return {
    gateway,
    asked,
    async [Symbol.asyncDispose]() {
      await gateway.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
