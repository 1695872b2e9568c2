export {
  describeEmulator,
  enableInTable,
  flagMeanings,
  registerInTable,
  unregisterFromTable,
} from './binfmt/emulator.js';
export {exportRegistration} from './binfmt/export.js';
export {findTable, mustFindTable} from './binfmt/mount.js';
export {readEntry, readTable} from './binfmt/registry.js';
export {binfmtStatus} from './binfmt/status.js';
export {targetOfFile} from './binfmt/targets.js';
export {bundle} from './bundle/bundle.js';
export {findArchitecture} from './chroot/architecture.js';
export {createChroot, resumeChroot} from './chroot/create.js';
export {diagnose} from './chroot/doctor/diagnose.js';
export {bundledEmulators} from './chroot/emulators.js';
export {installEmulator} from './chroot/install.js';
export {removeBundle} from './chroot/remove.js';
export {runInChroot} from './chroot/run.js';
export {verifyBundle} from './chroot/verify.js';
export {compareMaps, differentRanges} from './edit/compare-maps.js';
export {mapFile} from './edit/file-map.js';
export {isProgram} from './edit/loaded.js';
export {planEdit} from './edit/plan-edit.js';
export {checkElf} from './elf/check.js';
export {describeElf} from './elf/describe.js';
export {listDynamic, listSections, listSegments} from './elf/listing.js';
export {machineOf} from './elf/machine.js';
export {openElf, openElfBuffer, openElfSync} from './elf/open.js';
export {osAbiName} from './elf/os-abi.js';
export {findPayload} from './elf/payload.js';
export {isStackExecutable} from './elf/stack.js';
export {ElfView} from './elf/view.js';
export {ElfError, hex, printable} from './errors.js';
export {findElfFilesInside} from './loader/find-programs.js';
export {chainTo, findMisses, findNodes, loadingRequests, requestsByTarget} from './loader/queries.js';
export {Resolver, resolveTree as resolveTreeSync} from './loader/resolve.js';
export {resolveTree} from './loader/resolve-tree.js';
export {shrinkSearchPath} from './loader/shrink.js';
export {findModuleLoading, findUndefinedSymbols} from './loader/unresolved.js';
export {findElfFiles} from './source/walk.js';
export {readText, readWhole, standardInput} from './source/whole.js';
export {version} from './version.js';
export {applyPlan, applyPlanSync, applyPlanToBuffer} from './write/apply.js';
//# sourceMappingURL=index.js.map
