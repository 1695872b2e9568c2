export {
  describeEmulator,
  type EmulatorOptions,
  enableInTable,
  flagMeanings,
  isSharedProgram,
  registerInTable,
  type TableOptions,
  unregisterFromTable,
} from './binfmt/emulator.js';
export {type ExportFormat, exportRegistration} from './binfmt/export.js';
export {type BinfmtMount, findTable, mustFindTable} from './binfmt/mount.js';
export type {ExtensionMatch, MagicMatch, Registration} from './binfmt/registration.js';
export {type BinfmtEntry, type BinfmtTable, readEntry, readTable} from './binfmt/registry.js';
export {type BinfmtStatus, binfmtStatus} from './binfmt/status.js';
export {debianArchitectures, type QemuTarget, targetOfFile} from './binfmt/targets.js';
export {type BundleResult, bundle} from './bundle/bundle.js';
export type {Content} from './bundle/contents.js';
export type {DataFile} from './bundle/data-files.js';
export type {LibcDataRequest} from './bundle/libc-data/libc-data.js';
export type {Manifest, ManifestFile, ManifestProgram, ManifestRole} from './bundle/manifest.js';
export type {BundledFile} from './bundle/prepare.js';
export type {BundleProgram} from './bundle/programs.js';
export {
  bundleRelocatable,
  type RelocatableFile,
  type RelocatableOptions,
  type RelocatableResult,
} from './bundle/relocatable.js';
export type {BundleOptions} from './bundle/request.js';
export {type TracedRun, traceCommand} from './bundle/trace/strace.js';
export {findUnbundled, type TracedBundle, type TracedOption, type Unbundled} from './bundle/trace/trace.js';
export {type Architecture, findArchitecture} from './chroot/architecture.js';
export type {SelfContainedOptions} from './chroot/cache/self-contained.js';
export {
  type CreateOptions,
  type CreateResult,
  createChroot,
  type FinishOptions,
  resumeChroot,
} from './chroot/create.js';
export type {DebootstrapOptions} from './chroot/debootstrap.js';
export {diagnose} from './chroot/doctor/diagnose.js';
export type {Finding, FindingCode} from './chroot/doctor/finding.js';
export {bundledEmulators} from './chroot/emulators.js';
export {inheritEntries} from './chroot/host-entries.js';
export type {IdMapKind} from './chroot/idmap.js';
export {type InstallOptions, type InstallResult, installEmulator} from './chroot/install.js';
export {
  type KeepOptions,
  type KeptEmulator,
  keepEmulator,
  type RegisterOptions,
  registerEverywhere,
  unregisterEmulator,
} from './chroot/kept-emulator.js';
export {emulatorForChroot} from './chroot/machine-emulators.js';
export {type BundlePlace, hasBundle} from './chroot/manifest.js';
export type {BindMount, MountOptions} from './chroot/mounts.js';
export type {Stream} from './chroot/namespace.js';
export {type RemoveOptions, type RemoveResult, removeBundle} from './chroot/remove.js';
export {type ChrootRunOptions, type ChrootRunResult, runInChroot} from './chroot/run.js';
export {type EmulatedRunOptions, runEmulated} from './chroot/run-emulated.js';
export {registerTried, type TriedOptions, tryEmulator} from './chroot/try-emulator.js';
export {type BundleProblem, type VerifyResult, verifyBundle} from './chroot/verify.js';
export type {PayloadChoice} from './edit/layout/payload.js';
export {compareMaps, differentRanges, type RegionChange, type RegionPair} from './edit/map/compare-maps.js';
export {type FileRegion, mapFile, type RegionKind} from './edit/map/file-map.js';
export type {PayloadMove, Placement, Plan, Region, Write} from './edit/plan.js';
export {planEdit} from './edit/plan-edit.js';
export {isProgram} from './edit/request/loaded.js';
export {checkRequest, type EditRequest} from './edit/request/request.js';
export {checkElf, checkElfNotes, type Problem} from './elf/check.js';
export {describeElf, type ElfFacts} from './elf/describe.js';
export type {DynamicFile, DynamicSection, StringTable} from './elf/dynamic.js';
export type {Hardening} from './elf/hardening.js';
export {type ElfKind, kindOf, noInterpreter, requireLinked} from './elf/kind.js';
export {
  type DynamicLine,
  listDynamic,
  listSections,
  listSegments,
  type SectionLine,
  type SegmentLine,
} from './elf/listing.js';
export {type Machine, machineOf} from './elf/machine.js';
export {type ElfFile, type OpenOptions, openElf, openElfBuffer, openElfSync} from './elf/open.js';
export {osAbiName} from './elf/os-abi.js';
export {
  type PackedContents,
  type PackedPart,
  packedContents,
  partSource,
  programInside,
} from './elf/packed.js';
export {findPayload, type Payload, type PayloadKind} from './elf/payload.js';
export type {ElfClass, Format} from './elf/record.js';
export type {Dyn, Ehdr, Ident, Phdr, Shdr} from './elf/records.js';
export {isStackExecutable} from './elf/stack.js';
export type {WantedVersions} from './elf/version-names.js';
export {ElfView, type Interpreter} from './elf/view.js';
export {ElfError, type ErrorCode, type ErrorFacts, hex, printable, shortened} from './errors.js';
export {attemptsOf, countPlaces, placesInWords, type Sought} from './loader/attempts.js';
export type {DlopenLevel} from './loader/dlopen-needs.js';
export type {DlopenNote, DlopenPriority} from './loader/dlopen-notes.js';
export {findElfFilesInside} from './loader/find-programs.js';
export type {Libc} from './loader/loader-facts.js';
export type {ResolveTreeOptions} from './loader/options.js';
export {
  chainTo,
  findMisses,
  findNodes,
  loadingRequests,
  type Request,
  requestsByTarget,
} from './loader/queries.js';
export {Resolver, resolveTreeSync} from './loader/resolve.js';
export {resolveTree} from './loader/resolve-tree.js';
export {type Found, type NotFound, type Resolution, type ResolveOptions, Root} from './loader/root.js';
export {type ShrinkOptions, shrinkSearchPath} from './loader/shrink.js';
export type {
  Attempt,
  Edge,
  InterpreterInfo,
  Miss,
  Place,
  Reason,
  Rejection,
  RequestKind,
  ResolvedTree,
  Search,
  SearchPlace,
  TreeNode,
  VersionProblem,
} from './loader/tree.js';
export {
  findModuleLoading,
  findUndefinedSymbols,
  type ModuleLoading,
  type UndefinedSymbol,
} from './loader/unresolved.js';
export type {Listing} from './pack/listing.js';
export {type PackOptions, type PackResult, packProgram} from './pack/pack-program.js';
export type {PackPiece, PackPlan} from './pack/plan.js';
export {planPack} from './pack/plan-pack.js';
export {provePacked} from './pack/prove.js';
export type {PackRequest, PartRequest} from './pack/request.js';
export {type UnpackOptions, type UnpackResult, unpack} from './pack/unpack.js';
export {type Packing, writePacked} from './pack/write-packed.js';
export {
  type AuditOptions,
  auditPackage,
  type PackageAudit,
  type TargetAudit,
} from './package/audit.js';
export type {FileAudit} from './package/file-audit.js';
export {floorName} from './package/file-findings.js';
export type {PackageFinding, PackageFindingCode, Severity} from './package/finding.js';
export type {Family, Floor, RaisingVersion} from './package/floor.js';
export type {PackageLibc, Target} from './package/libc.js';
export type {PackageFields} from './package/package-json.js';
export {type Distribution, distributions, gccReleases, type Limits} from './package/platforms.js';
export {type Policy, policyNames} from './package/policy.js';
export type {MadeFile} from './package/repair/make-files.js';
export type {RecordedLibrary} from './package/repair/record.js';
export {type RepairOptions, type RepairResult, repairPackage} from './package/repair/repair.js';
export type {PackageRequest} from './package/requests.js';
export type {RunsOn} from './package/runs-on.js';
export type {DirFd, PathFd} from './source/dir-fd.js';
export type {FileSource} from './source/file.js';
export type {Patch} from './source/overlay.js';
export type {PlaceOptions} from './source/place.js';
export type {OnProgress, Progress} from './source/progress.js';
export type {Range} from './source/range-set.js';
export type {ByteSource} from './source/source.js';
export {findElfFiles, type OnUnreadable} from './source/walk.js';
export {readText, readWhole, readWholeElf, standardInput} from './source/whole.js';
export {version} from './version.js';
export {applyPlan, applyPlanSync, applyPlans} from './write/apply.js';
export type {Applied, ApplyOptions, Outcome, PlannedEdit} from './write/apply-options.js';
export {attributesUnknown} from './write/attributes.js';
export {applyPlanToBuffer} from './write/content.js';
export {
  type EditableElf,
  type EditOptions,
  openElfToEdit,
  openElfToEditSync,
} from './write/editable.js';
export {InterruptedEdits, undoInterrupted} from './write/interrupted.js';
export {writeToStream} from './write/stream.js';
