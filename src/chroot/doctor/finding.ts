/** What doctor found out about one thing. */
export interface Finding {
  /** Stable, for scripts; docs/doctor.md lists them. */
  readonly code: FindingCode;
  /** `broken` keeps programs from running; `doubtful` may surprise; `fine` is said for completeness. */
  readonly severity: 'broken' | 'doubtful' | 'fine';
  /** What is the matter, in one sentence. */
  readonly what: string;
  /** What was seen, and where. */
  readonly evidence: string;
  /** What to do; a command, if one is enough. */
  readonly remedy: string | undefined;
}

/** What a finding is about; docs/doctor.md explains each. */
export type FindingCode =
  | 'KERNEL'
  | 'TOOLS'
  | 'USER_NAMESPACES'
  | 'SUBORDINATE_IDS'
  | 'MMAP_MIN_ADDR'
  | 'CACHE'
  | 'TABLE'
  | 'TABLE_HIDES'
  | 'ENTRY_LOOP'
  | 'ENTRY_WINS'
  | 'ENTRY_WITHOUT_INTERPRETER'
  | 'ENTRY_F_SHARED'
  | 'ENTRY_SHADOWS'
  | 'NOEXEC'
  | 'NODEV'
  | 'PROC_LINK'
  | 'SETUID'
  | 'OWNER'
  | 'ARCHITECTURE'
  | 'SECOND_STAGE'
  | 'FOREIGN_PROGRAM'
  | 'PROGRAM_INCOMPLETE'
  | 'EMULATOR'
  | 'NO_EMULATOR'
  | 'BUNDLE_UNUSABLE'
  | 'FILE_MISSING'
  | 'FILE_CHANGED'
  | 'FILE_EXTRA'
  | 'NOT_CLOSED'
  | 'RUNPATH'
  | 'DIFFERENT_BUILDS'
  | 'NOT_ISOLATED'
  | 'NOT_EXECUTABLE'
  | 'WRONG_MACHINE';

export function broken(code: FindingCode, what: string, evidence: string, remedy?: string): Finding {
  return {code, severity: 'broken', what, evidence, remedy};
}

export function doubtful(code: FindingCode, what: string, evidence: string, remedy?: string): Finding {
  return {code, severity: 'doubtful', what, evidence, remedy};
}

export function fine(code: FindingCode, what: string, evidence: string): Finding {
  return {code, severity: 'fine', what, evidence, remedy: undefined};
}
