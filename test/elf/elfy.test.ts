/*
 * elfy as a second opinion. It needs section headers, and reads sh_addralign and sh_entsize of 64-bit files at the
 * wrong offset, so those two are not compared.
 */
import test from 'ava';
import elfy from 'elfy';
import {fixtureBytes, fixtures} from '../helpers/fixtures.js';
import {viewBuffer} from '../helpers/view-buffer.js';

for (const {name} of fixtures.filter((fixture) => fixture.hasSections)) {
  test(`${name}: elfy reads the same header, segments and sections`, (t) => {
    const bytes = fixtureBytes(name);
    const view = viewBuffer(bytes);
    const theirs = elfy.parse(bytes);
    const {header} = view;
    t.deepEqual(
      [
        Number(header.e_entry),
        header.e_phoff,
        header.e_shoff,
        header.e_phnum,
        header.e_shnum,
        header.e_shstrndx,
      ],
      [theirs.entry, theirs.phoff, theirs.shoff, theirs.phnum, theirs.shnum, theirs.shstrndx],
    );
    t.is(header.e_flags, theirs.flags >>> 0);
    t.deepEqual(
      view.programHeaders.map((p) => [
        p.p_offset,
        Number(p.p_vaddr),
        Number(p.p_paddr),
        p.p_filesz,
        p.p_memsz,
        p.p_align,
      ]),
      theirs.body.programs.map((p) => [p.offset, p.vaddr, p.paddr, p.filesz, p.memsz, p.align]),
    );
    t.deepEqual(
      view.programHeaders.map(({p_flags}) => [(p_flags & 4) !== 0, (p_flags & 2) !== 0, (p_flags & 1) !== 0]),
      theirs.body.programs.map(({flags}) => ['r', 'w', 'x'].map((letter) => flags[letter] === true)),
    );
    t.deepEqual(
      view.sectionHeaders.map((s) => [
        view.sectionName(s),
        Number(s.sh_addr),
        s.sh_offset,
        s.sh_size,
        s.sh_link,
        s.sh_info,
      ]),
      theirs.body.sections.map((s) => [s.name, s.addr, s.off, s.size, s.link, s.info]),
    );
  });
}
