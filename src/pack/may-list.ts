/*
 * Whether a program's loader may be started to list what it loads. That must not run any code that comes with the
 * program:
 *
 * - Only glibc's loader knows LD_TRACE_LOADED_OBJECTS; any other would start the program.
 * - A library of DT_AUDIT or DT_DEPAUDIT is called before the loader ends (elf/rtld.c: dl_main calls load_audit_modules,
 *   which calls la_version).
 * - The loader itself has to be one of this machine, and not one that PT_INTERP finds among the program's own files.
 */
import {DT, PT} from '../elf/constants.js';
import {machineOf} from '../elf/machine.js';
import type {ElfView} from '../elf/view.js';
import type {OpenRoot} from '../loader/open-root.js';
import {standardLoader} from '../loader/standard-loader.js';
import type {InterpreterInfo} from '../loader/tree.js';
/** Why a loader is not started; undefined where it may be. @param views of the program and all that goes inside */
export function whyNotListed(
  {libc, path = ''}: InterpreterInfo,
  [program, ...others]: readonly [ElfView, ...ElfView[]],
  root: OpenRoot,
): string | undefined {
  if (libc !== 'glibc') return "only glibc's loader can list libraries without running the program";
  const audited = [program, ...others].find(isAudited);
  if (audited !== undefined)
    return `${audited.path} has DT_AUDIT or DT_DEPAUDIT, by which the loader would run code of a library`;
  if (!isReadAlike(program))
    return `the loader would read another dynamic section than the one found in ${program.path}`;
  return isOfMachine(path, program, root) ? undefined : `${path} is not known to be this machine's loader`;
}

function isAudited({dynamic}: ElfView): boolean {
  return [DT.DT_AUDIT, DT.DT_DEPAUDIT].some((tag) => dynamic?.value(tag) !== undefined);
}

/**
 * Whether the loader sees in memory the same dynamic section as we see in the file: it uses the last PT_DYNAMIC, by
 * address, up to DT_NULL, and the kernel maps whole pages, later segments over earlier ones.
 */
function isReadAlike(view: ElfView): boolean {
  const [segment, other] = view.segments(PT.PT_DYNAMIC);
  if (segment === undefined || other !== undefined || !view.dynamic?.terminated) return false;
  const page = BigInt(machineOf(view).maxPageSize);
  const [first, last] = [segment.p_vaddr / page, (segment.p_vaddr + BigInt(segment.p_filesz)) / page];
  const [load, another] = view
    .segments(PT.PT_LOAD)
    .filter(
      ({p_vaddr, p_memsz}) => p_vaddr / page <= last && (p_vaddr + BigInt(p_memsz) - 1n) / page >= first,
    );
  if (load === undefined || another !== undefined) return false;
  const start = segment.p_offset - load.p_offset;
  const isThere = segment.p_vaddr - load.p_vaddr === BigInt(start);
  return isThere && start >= 0 && start + segment.p_filesz <= load.p_filesz;
}

/** It is what the usual path leads to, or root installed it and this process has fewer rights. */
function isOfMachine(path: string, {header, format}: ElfView, root: OpenRoot): boolean {
  const used = root.resolve(path);
  if (!used.found) return false;
  if (used.stats.uid === 0n && process.geteuid?.() !== 0) return true;
  const usual = root.resolve(standardLoader('glibc', {...header, ...format}) ?? '');
  return usual.found && usual.stats.ino === used.stats.ino && usual.stats.dev === used.stats.dev;
}
