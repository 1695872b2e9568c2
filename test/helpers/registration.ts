import type {Registration} from '../../src/binfmt/registration.js';

/** Read a registration of seven fields as the kernel reads it, without checking that it is valid. */
export function readRegistration(text: string): Registration {
  const [name = '', type, offset, magic = '', mask = '', interpreter = '', flags = ''] = text
    .slice(1)
    .split(text.charAt(0));
  const match =
    type === 'E'
      ? ({type: 'extension', extension: magic} as const)
      : ({
          type: 'magic',
          offset: Number(offset),
          magic: unescapeBytes(magic),
          mask: mask === '' ? undefined : unescapeBytes(mask),
        } as const);
  return {name, match, interpreter, flags};
}

/** `\xNN` is a byte; every other character stands for itself. */
function unescapeBytes(text: string): Uint8Array {
  const bytes = text.replace(/\\x([0-9a-fA-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return new Uint8Array(Buffer.from(bytes, 'latin1'));
}
