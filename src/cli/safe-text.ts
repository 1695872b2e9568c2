/*
 * Text for people, and what keeps foreign strings in it from steering their terminals.
 *
 * Names and paths come out of files and file systems that may be anybody's. They can hold escape sequences, newlines,
 * and characters that reverse the text direction. So what is printed is not a string but a SafeText, and the way to
 * make one is the template tag `safe`: its literals are ours, every string that is put into it is escaped. The compiler
 * rejects code that forgets it.
 *
 *     output.line(safe`${path}: ${problem.message}`);
 */
import {printable, shortened} from '../index.js';

/** Text that a terminal shows as it is. Made by `safe`, and by `trusted` for text that does not come from files. */
export class SafeText {
  readonly #text: string;

  /** Only for this file: see `safe`. */
  constructor(text: string, key: typeof madeHere) {
    if (key !== madeHere) throw new TypeError('use the tag `safe`');
    this.#text = text;
  }

  /** With its colours. */
  toString(): string {
    return this.#text;
  }

  /** As a person reads it. */
  get plain(): string {
    return this.#text.replace(/\x1b\[[\d;]*m/g, '');
  }

  /** Characters that it takes on a line. */
  get width(): number {
    return this.plain.length;
  }
}

const madeHere = Symbol('made here');

/** What may be put into a template: strings are escaped, a list is put together without anything between. */
export type Insertion = string | number | bigint | SafeText | readonly SafeText[];

/** The tag of templates for people. */
export function safe(literals: TemplateStringsArray, ...values: readonly Insertion[]): SafeText {
  let text = literals[0] ?? '';
  values.forEach((value, i) => {
    text += `${escaped(value)}${literals[i + 1]}`;
  });
  return new SafeText(text, madeHere);
}

function escaped(value: Insertion): string {
  if (typeof value === 'string') return printable(value);
  return Array.isArray(value) ? value.join('') : String(value);
}

/** Text that we wrote ourselves, or that was escaped in a way of its own: help, JSON, a picture. */
export function trusted(text: string): SafeText {
  return new SafeText(text, madeHere);
}

/** Texts joined by a separator. */
export function joined(texts: readonly (string | SafeText)[], separator: string): SafeText {
  return trusted(texts.map((text) => escaped(text)).join(separator));
}

/** Names separated by commas; beyond a certain number, only how many more there are. */
export function enumerate(names: readonly string[], most = 8): string {
  const shown = names.slice(0, names.length > most + 1 ? most : names.length).map((name) => shortened(name));
  const rest = names.length - shown.length;
  return rest === 0 ? shown.join(', ') : `${shown.join(', ')} and ${rest} more`;
}

/** Text in a colour: the parameters of SGR (ECMA-48). */
export function colored(text: string | SafeText, codes: string | number): SafeText {
  const shown = escaped(text);
  return trusted(shown.trim() === '' ? shown : `\x1b[${codes}m${shown}\x1b[0m`);
}

/**
 * JSON that is safe to print on a terminal. JSON itself escapes the ASCII control characters; the others, and those
 * that reverse the text direction, are written as \uXXXX, which reads back as the same.
 */
export function safeJson(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
