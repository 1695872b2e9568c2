/** Say what a file that is not ELF is, from its first bytes; undefined if they do not tell. */
export function disguiseOf(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return 'an empty file or a directory';
  return signatures.find(({start}) => start.every((byte, i) => bytes[i] === byte))?.name;
}

const signatures: readonly {readonly start: readonly number[]; readonly name: string}[] = [
  {start: [0x4d, 0x5a], name: 'a Windows program (PE)'},
  {start: [0xcf, 0xfa, 0xed, 0xfe], name: 'a macOS program (Mach-O)'},
  {start: [0xce, 0xfa, 0xed, 0xfe], name: 'a macOS program (Mach-O)'},
  {start: [0xca, 0xfe, 0xba, 0xbe], name: 'a macOS universal program or a Java class'},
  {start: [0x23, 0x21], name: 'a script'},
  {start: [0x21, 0x3c, 0x61, 0x72, 0x63, 0x68, 0x3e], name: 'an archive (ar); unpack it first'},
  {start: [0x50, 0x4b, 3, 4], name: 'a ZIP archive; unpack it first'},
  {start: [0x1f, 0x8b], name: 'a gzip file; unpack it first'},
  {start: [0xfd, 0x37, 0x7a, 0x58, 0x5a], name: 'an xz file; unpack it first'},
  {start: [0, 0x61, 0x73, 0x6d], name: 'WebAssembly'},
];
