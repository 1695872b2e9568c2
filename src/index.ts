export {
  describeEmulator,
  type EmulatorOptions,
  enableInTable,
  flagMeanings,
  registerInTable,
  type TableOptions,
  unregisterFromTable,
} from './binfmt/emulator.js';
export {type ExportFormat, exportRegistration} from './binfmt/export.js';
export {type BinfmtMount, findTable, mustFindTable} from './binfmt/mount.js';
export type {Registration} from './binfmt/registration.js';
export {type BinfmtEntry, type BinfmtTable, readEntry, readTable} from './binfmt/registry.js';
export {type BinfmtStatus, binfmtStatus} from './binfmt/status.js';
export {targetOfFile} from './binfmt/targets.js';
export {type BundleOptions, type BundleResult, bundle} from './bundle/bundle.js';
export {type Architecture, findArchitecture} from './chroot/architecture.js';
export {
  type CreateOptions,
  type CreateResult,
  createChroot,
  type FinishOptions,
  resumeChroot,
} from './chroot/create.js';
export {diagnose} from './chroot/doctor/diagnose.js';
export type {Finding, FindingCode} from './chroot/doctor/finding.js';
export {bundledEmulators} from './chroot/emulators.js';
export {type InstallOptions, type InstallResult, installEmulator} from './chroot/install.js';
export {type RemoveOptions, type RemoveResult, removeBundle} from './chroot/remove.js';
export {type ChrootRunOptions, type ChrootRunResult, runInChroot} from './chroot/run.js';
export {type BundleProblem, type VerifyResult, verifyBundle} from './chroot/verify.js';
export type {Plan, Region, Rung, Write} from './edit/plan.js';
export {planEdit} from './edit/plan-edit.js';
export type {EditRequest} from './edit/request.js';
export {checkElf, type Problem} from './elf/check.js';
export {type Machine, machineOf} from './elf/machine.js';
export {type ElfFile, openElf, openElfBuffer, openElfSync} from './elf/open.js';
export {ElfView} from './elf/view.js';
export {ElfError, type ErrorCode, hex, printable} from './errors.js';
export {findElfFiles} from './source/walk.js';
export {version} from './version.js';
export {type Applied, type ApplyOptions, applyPlan, applyPlanSync, applyPlanToBuffer} from './write/apply.js';
