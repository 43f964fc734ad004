import { python } from '../../../../installed.js';

// Asks the kernel how much of what was written is still unread: of a socket, which Node gives a command, or of a pipe.
const program = `
import fcntl, json, os, sys, termios, time
def unread(fd):
    for ask in (termios.TIOCOUTQ, termios.FIONREAD):
        try:
            return int.from_bytes(fcntl.ioctl(fd, ask, bytes(4)), sys.byteorder)
        except OSError:
            pass
for fd, text in json.loads(sys.argv[1]):
    os.write(fd, text.encode(errors="surrogateescape"))
    while unread(fd):
        time.sleep(0.001)
`;

/**
 * Text for a shell that writes pieces to stdout (1) and to stderr (2), each when the reader has the one before, however slow that
 * is. What a program writes to two pipes while nothing reads them has no order any more. Needs Python.
 */
export function writesInOrder(...pieces: readonly (readonly [1 | 2, string])[]): string {
  return `${python} -c '${program}' '${JSON.stringify(pieces)}'`;
}
