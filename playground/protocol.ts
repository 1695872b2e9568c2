/*
 * The messages between the page and its worker. The worker holds the file's bytes, does the work, and writes the
 * markup; the page only puts it in place. Every question has a number, and the answer to an old one is dropped.
 */
import type {EditRequest} from '../src/edit/request/request.js';

export type Question =
  | {readonly id: number; readonly ask: 'open'; readonly file: File}
  | {readonly id: number; readonly ask: 'plan'; readonly request: EditRequest};

export type Answer =
  | ({readonly id: number; readonly answer: 'opened'} & Opened)
  | ({readonly id: number; readonly answer: 'planned'} & Planned)
  | {readonly id: number; readonly answer: 'failed'; readonly code: string; readonly message: string};

/** A file, ready to be shown. */
export interface Opened {
  readonly headline: string;
  /** Markup, every value in it escaped. */
  readonly facts: string;
  readonly map: string;
  readonly tables: string;
  readonly interpreter: Field;
  readonly searchPath: Field & {readonly tag: 'rpath' | 'runpath' | undefined};
}

/** A value that can be edited, or the reason why it cannot. */
export interface Field {
  readonly value: string;
  readonly whyNot: string | undefined;
}

/** A plan, ready to be shown and applied. */
export interface Planned {
  readonly plan: string;
  readonly comparison: string;
  readonly writes: readonly {readonly offset: number; readonly bytes: Uint8Array}[];
  readonly outputSize: number;
}
