import {hex} from '../../errors.js';
import {ET, PF, PT} from '../constants.js';
import {Ehdr, EI_NIDENT, Ident} from '../records.js';
import type {ElfView} from '../view.js';
import type {Problem} from './problem.js';

const EV_CURRENT = 1;

/** The ELF header (gABI, "ELF Header"). */
export function* checkHeader(view: ElfView): Generator<Problem> {
  const {header, ident, format} = view;
  const {elfClass} = format;
  const say = (code: string, field: keyof Ehdr, what: string) => ({
    code,
    message: `ELF header: ${what}`,
    offset: EI_NIDENT + Ehdr.offsetOf(field, elfClass),
  });
  if (ident.EI_VERSION !== EV_CURRENT) {
    const offset = Ident.offsetOf('EI_VERSION', elfClass);
    yield {code: 'BAD_VERSION', message: `ELF header: EI_VERSION is ${ident.EI_VERSION}, not 1`, offset};
  }
  if (header.e_version !== EV_CURRENT)
    yield say('BAD_VERSION', 'e_version', `e_version is ${header.e_version}, not 1`);
  if (header.e_type === ET.ET_NONE) yield say('BAD_TYPE', 'e_type', 'e_type is ET_NONE');
  if (header.e_machine === 0) yield say('BAD_MACHINE', 'e_machine', 'e_machine is EM_NONE');
  const size = EI_NIDENT + Ehdr.size(elfClass);
  if (header.e_ehsize !== size)
    yield say('BAD_EHSIZE', 'e_ehsize', `e_ehsize is ${header.e_ehsize}, not ${size}`);
  if (view.sectionHeaders.length > 0 && view.e_shstrndx >= view.sectionHeaders.length)
    yield say(
      'BAD_SHSTRNDX',
      'e_shstrndx',
      `there is no section ${view.e_shstrndx} to hold the section names`,
    );
  if (header.e_shoff !== 0 && view.sectionHeaders.length === 0)
    yield say(
      'NO_SECTIONS',
      'e_shnum',
      `e_shoff is ${hex(header.e_shoff)}, but there are no section headers`,
    );
  const isLoaded = header.e_type === ET.ET_EXEC || header.e_type === ET.ET_DYN;
  if (isLoaded && view.programHeaders.length === 0)
    yield say('NO_SEGMENTS', 'e_phnum', 'there are no program headers, so nothing is loaded');
  if (isProgramFile(view) && header.e_entry !== 0n && !isExecutable(view, header.e_entry))
    yield say('ENTRY_NOT_CODE', 'e_entry', `e_entry ${hex(header.e_entry)} is not in an executable segment`);
}

/** A separate debug file has the program's header, but none of its bytes. */
function isProgramFile({header, programHeaders}: ElfView): boolean {
  const isLinked = header.e_type === ET.ET_EXEC || header.e_type === ET.ET_DYN;
  return isLinked && programHeaders.some(({p_type, p_filesz}) => p_type === PT.PT_LOAD && p_filesz > 0);
}

/** ppc64's first ABI lets e_entry point at a descriptor, which is data. */
function isExecutable({programHeaders, header}: ElfView, address: bigint): boolean {
  const mayBeData = header.e_machine === 21 && (header.e_flags & 3) < 2;
  return programHeaders.some(
    ({p_type, p_flags, p_vaddr, p_memsz}) =>
      p_type === PT.PT_LOAD &&
      (mayBeData || (p_flags & PF.PF_X) !== 0) &&
      address >= p_vaddr &&
      address < p_vaddr + BigInt(p_memsz),
  );
}
