/*
 * Writing HTML and SVG. Names of sections and libraries come with the file that is shown, which may be anybody's;
 * so every value that goes into a template is escaped, and only what a template made itself is not.
 */
import {printable} from '../../index.js';

/** Markup that a template made. */
export interface Markup {
  readonly markup: string;
}

export type Insertion = string | number | Markup | readonly Markup[] | undefined;

/** The tag of templates: text is escaped, markup is inserted as it is, undefined is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Insertion[]): Markup {
  const text = strings.map((literal, i) => literal + (i < values.length ? insert(values[i]) : '')).join('');
  return {markup: text};
}

/** Markup whose text is known to be ours: a style sheet, a drawing. */
export function trusted(markup: string): Markup {
  return {markup};
}

function insert(value: Insertion): string {
  if (value === undefined) return '';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escapeMarkup(value);
  return 'markup' in value ? value.markup : value.map(({markup}) => markup).join('');
}

/** Text for use between tags and in quoted attributes, in HTML and in XML. */
function escapeMarkup(text: string): string {
  return printable(text).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}
