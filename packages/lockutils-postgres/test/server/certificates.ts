import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsFiles } from './postgres-server.js';

/** A certificate authority in `folder`, and a certificate of it for 127.0.0.1, for servers and clients. */
export function makeCertificates(folder: string, name: string): TlsFiles {
  const path = (file: string): string => join(folder, `${name}-${file}`);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe' });
  };
  // Finding primes for RSA takes seconds on a busy machine, of the ten that a hook has.
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl(
    'req',
    '-x509',
    ...fresh,
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.pem'),
    '-subj',
    `/CN=${name} authority`,
  );
  openssl('req', ...fresh, '-keyout', path('key.pem'), '-out', path('request.pem'), '-subj', `/CN=${name}`);
  writeFileSync(path('names'), 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n');
  const sign = [
    '-CA',
    path('ca.pem'),
    '-CAkey',
    path('ca.key'),
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    path('names'),
  ];
  openssl('x509', '-req', '-in', path('request.pem'), '-out', path('cert.pem'), ...sign);
  return { ca: path('ca.pem'), cert: path('cert.pem'), key: path('key.pem') };
}
