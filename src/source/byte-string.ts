/**
 * What `byteString` of elf/strings.ts makes of bytes, and much faster: for the content of whole files. It needs Node,
 * which that one does without.
 */
export function longByteString(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
