import {runInNewContext} from 'node:vm';
import test from 'ava';
import {PF, SHF, SHT, segmentTypeName} from '../../src/elf/constants.js';
import {openElf, openElfBuffer} from '../../src/elf/open.js';
import {fixtureBytes, fixtures} from '../helpers/fixtures.js';
import {readelfHeader, readelfInterpreter, readelfSections, readelfSegments} from '../helpers/readelf.js';
import {withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';

for (const {name, path, elfClass, littleEndian, e_machine, e_type, interpreter, hasSections} of fixtures) {
  test(
    `${name}: the header is what readelf -h says`,
    withTools((t) => {
      const view = viewBuffer(fixtureBytes(name));
      const theirs = readelfHeader(path);
      const {e_entry, e_phoff, e_shoff, e_flags, e_phentsize, e_shentsize} = view.header;
      t.deepEqual(view.format, {elfClass, littleEndian});
      t.is(view.header.e_machine, e_machine);
      t.is(`ET_${theirs.type}`, e_type);
      t.is(view.header.e_type, {ET_REL: 1, ET_EXEC: 2, ET_DYN: 3}[e_type]);
      t.deepEqual(
        {
          ...view.format,
          type: theirs.type,
          machine: theirs.machine,
          e_entry,
          e_phoff,
          e_shoff,
          e_flags,
          e_phentsize,
          e_shentsize,
          phnum: view.programHeaders.length,
          shnum: view.sectionHeaders.length,
          shstrndx: view.e_shstrndx,
        },
        theirs,
      );
    }),
  );

  test(
    `${name}: the program headers are what readelf -l says`,
    withTools((t) => {
      const theirs = readelfSegments(path);
      const ours = viewBuffer(fixtureBytes(name)).programHeaders.map(({p_type, ...rest}) => ({
        ...rest,
        type: shortTypeName(p_type, e_machine),
      }));
      // Since binutils 2.43, ARM_EXIDX and the like.
      t.deepEqual(
        ours,
        theirs.map(({type, ...rest}) => ({...rest, type: type.replace(machinePrefix, '')})),
      );
    }),
  );

  test(
    `${name}: the section headers are what readelf -S says`,
    withTools((t) => {
      const view = viewBuffer(fixtureBytes(name));
      const theirs = hasSections ? readelfSections(path) : [];
      t.is(view.sectionHeaders.length > 0, hasSections);
      const ours = view.sectionHeaders.map((section) => {
        const {sh_name, sh_type, sh_flags, ...rest} = section;
        return {...rest, name: view.sectionName(section), flags: knownFlags(sh_flags), type: sh_type};
      });
      t.deepEqual(
        ours.map(({type, ...rest}) => rest),
        theirs.map(({type, flags, ...rest}) => ({...rest, flags: flags.replace(/[^WAXT]/g, '')})),
      );
      for (const [i, {type}] of theirs.entries()) {
        const names: Readonly<Record<string, number>> = SHT;
        const known = names[`SHT_${type}`] ?? names[`SHT_GNU_${type}`];
        if (known !== undefined) t.is(ours[i]?.type, known, `${i}: ${type}`);
      }
    }),
  );

  test(
    `${name}: the interpreter is what readelf -l says, and what the linker was told`,
    withTools((t) => {
      const ours = viewBuffer(fixtureBytes(name)).interpreter;
      t.is(ours?.path, interpreter);
      t.is(readelfInterpreter(path), interpreter);
      if (ours === undefined) return;
      const bytes = fixtureBytes(name).subarray(ours.offset, ours.offset + ours.size);
      t.is(bytes.toString(), `${interpreter}\0`);
      t.is(readelfSegments(path)[ours.index]?.type, 'INTERP');
    }),
  );
}

test('an address crosses to its file offset, and one of zero-initialised memory does not', (t) => {
  const view = viewBuffer(fixtureBytes('ppc64/probe-exec'));
  const data = view.programHeaders.findLast((phdr) => phdr.p_type === 1);
  if (data === undefined) return t.fail('no LOAD');
  t.is(view.offsetOfAddress(data.p_vaddr), data.p_offset);
  t.is(view.offsetOfAddress(data.p_vaddr + 7n), data.p_offset + 7);
  t.is(view.offsetOfAddress(data.p_vaddr + BigInt(data.p_filesz) - 1n), data.p_offset + data.p_filesz - 1);
  t.is(view.offsetOfAddress(data.p_vaddr + BigInt(data.p_filesz)), undefined);
  t.is(view.offsetOfAddress(0n), undefined);
  t.is(view.offsetOfAddress(0xffff_ffff_ffff_ffffn), undefined);
});

test('a segment type that nobody knows prints as its number', (t) => {
  t.is(segmentTypeName(0x60001234, 62), '0x60001234');
  t.is(segmentTypeName(0x70000001, 40), 'PT_ARM_EXIDX');
  t.is(segmentTypeName(0x70000001, 62), '0x70000001');
});

test('flags have the values of the specification', (t) => {
  t.deepEqual(PF, {PF_X: 1, PF_W: 2, PF_R: 4});
});

/** readelf drops the machine's prefix and cuts names off at 14 letters. */
const machinePrefix = /^(ARM|MIPS)_/;

function shortTypeName(p_type: number, e_machine: number): string {
  return segmentTypeName(p_type, e_machine).replace(/^PT_/, '').replace(machinePrefix, '').slice(0, 14);
}

function knownFlags(sh_flags: number): string {
  const letters = {W: SHF.SHF_WRITE, A: SHF.SHF_ALLOC, X: SHF.SHF_EXECINSTR, T: SHF.SHF_TLS};
  return Object.entries(letters)
    .filter(([, bit]) => (sh_flags & bit) !== 0)
    .map(([letter]) => letter)
    .join('');
}

test('a file that was opened is read until it is closed', async (t) => {
  const [{path, interpreter} = {path: '', interpreter: undefined}] = fixtures.filter(
    (f) => f.interpreter !== undefined,
  );
  const file = await openElf(path);
  t.is(file.view.interpreter?.path, interpreter);
  await file.close();
  t.throws(() => file.view.sectionHeaders, {code: 'FILE_SYSTEM', message: `${path}: the file is closed`});
  await t.throwsAsync(openElf('/nowhere'), {code: 'FILE_SYSTEM'});
});

test('bytes may be an ArrayBuffer, and what is none of both is refused as a request', (t) => {
  const bytes = fixtureBytes('x86_64/probe-pie');
  const plain = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  t.deepEqual(openElfBuffer(plain).view.header, openElfBuffer(bytes).view.header);
  const elsewhere = runInNewContext('Uint8Array.from(bytes)', {bytes}) as Uint8Array;
  t.false(elsewhere instanceof Uint8Array);
  t.deepEqual(openElfBuffer(elsewhere).view.header, openElfBuffer(bytes).view.header);
  for (const wrong of ['text', undefined, {}])
    t.throws(() => openElfBuffer(wrong as unknown as Uint8Array), {code: 'BAD_REQUEST'});
});
