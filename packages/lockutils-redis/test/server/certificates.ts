import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** PEM files. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority in `folder`, and a certificate of it for 127.0.0.1, for servers and clients. */
export function makeCertificates(folder: string): TlsFiles {
  const path = (file: string): string => join(folder, file);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe' });
  };
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const authority = ['-keyout', path('ca.key'), '-out', path('ca.pem'), '-subj', '/CN=authority'];
  openssl('req', '-x509', ...fresh, ...authority);
  openssl('req', ...fresh, '-keyout', path('key.pem'), '-out', path('request.pem'), '-subj', '/CN=server');
  writeFileSync(path('names'), 'subjectAltName=IP:127.0.0.1\n');
  const sign = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '2'];
  openssl('x509', '-req', '-in', path('request.pem'), '-out', path('cert.pem'), ...sign, '-extfile', path('names'));
  return { ca: path('ca.pem'), cert: path('cert.pem'), key: path('key.pem') };
}
