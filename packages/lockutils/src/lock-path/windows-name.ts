/**
 * The names of files on Windows, which keeps fewer apart than lock names: `con`, `web.` and `a:b` are not what they look
 * like there, and `Web` is `web`.
 */
import { Buffer } from 'node:buffer';

// Devices, in any directory and with any extension.
const device = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)/i;

/** Whether Windows takes `name` for the name of one plain file, and not for that of another. */
export function isWindowsName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Windows forbids them.
  return !/[\x00-\x1f<>:"/\\|?*]|[. ]$/.test(name) && !device.test(name);
}

/**
 * The file name on Windows for the file name that other systems use. Bytes that Windows forbids, or that could make two
 * names one, are written `%XX`: so each name has one file, and two names never have the same. Those are `%`, capitals, all
 * that is not ASCII (it has capitals too), `~` (of the short names that Windows gives to long ones), a dot or space at the end, and the first letter of a device's name.
 *
 * So names of small letters, digits, `-`, `_` and inner dots are the same everywhere.
 */
export function windowsName(fileName: string): string {
  const plain = fileName.replace(/[^a-z0-9 !#$&'()+,\-.;=@[\]^_`{}]/gu, encoded).replace(/[. ]$/, encoded);
  return device.test(plain) ? encoded(plain.charAt(0)) + plain.slice(1) : plain;
}

function encoded(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
