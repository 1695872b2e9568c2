/** elfy has no types; these are for the parts that the tests use. */
declare module 'elfy' {
  interface ElfyFile {
    class: '32' | '64';
    endian: 'lsb' | 'msb';
    type: string | undefined;
    machine: string | undefined;
    entry: number;
    phoff: number;
    shoff: number;
    flags: number;
    phnum: number;
    shnum: number;
    shstrndx: number;
    body: {
      programs: readonly {
        offset: number;
        vaddr: number;
        paddr: number;
        filesz: number;
        memsz: number;
        flags: Readonly<Record<string, true>>;
        align: number;
        data: Buffer;
      }[];
      sections: readonly {
        name: string;
        addr: number;
        off: number;
        size: number;
        link: number;
        info: number;
      }[];
    };
  }
  const elfy: {parse(bytes: Buffer): ElfyFile};
  export default elfy;
}
