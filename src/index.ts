export {type BundleOptions, type BundleResult, bundle} from './bundle/bundle.js';
export {type ChrootRunOptions, type ChrootRunResult, runInChroot} from './chroot/run.js';
export {compareMaps, differentRanges, type RegionChange, type RegionPair} from './edit/compare-maps.js';
export {type FileRegion, mapFile, type RegionKind} from './edit/file-map.js';
export type {Plan, Region, Rung, Write} from './edit/plan.js';
export {planEdit} from './edit/plan-edit.js';
export type {EditRequest} from './edit/request.js';
export {checkElf, type Problem} from './elf/check.js';
export {describeElf, type ElfFacts} from './elf/describe.js';
export type {Hardening} from './elf/hardening.js';
export type {ElfKind} from './elf/kind.js';
export {
  type DynamicLine,
  listDynamic,
  listSections,
  listSegments,
  type SectionLine,
  type SegmentLine,
} from './elf/listing.js';
export {type Machine, machineOf} from './elf/machine.js';
export {type ElfFile, openElf, openElfBuffer, openElfSync} from './elf/open.js';
export type {WantedVersions} from './elf/version-names.js';
export {ElfView} from './elf/view.js';
export {ElfError, type ErrorCode, hex, printable} from './errors.js';
export {findElfFiles} from './source/walk.js';
export {version} from './version.js';
export {type Applied, type ApplyOptions, applyPlan, applyPlanSync, applyPlanToBuffer} from './write/apply.js';
