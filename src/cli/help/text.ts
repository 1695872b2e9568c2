/*
 * A page of help for a terminal.
 */
import type {Terminal} from '../terminal.js';
import type {Entry, Page, Section} from './page.js';

/** Longer lines are hard to read, however wide the terminal is. */
const widest = 100;
/** A term that is longer has its text below it. */
const widestTerm = 28;

/** Lay out a page, as wide as the terminal at most. */
export function pageToText(page: Page, {columns, color}: Pick<Terminal, 'columns' | 'color'>): string {
  const width = Math.min(columns, widest);
  const heading = (title: string) => (color ? `\x1b[1m${title}:\x1b[m` : `${title}:`);
  const blocks = [
    wrap(sentence(page.summary), width, ''),
    [`${heading('Usage')} ${wrap(page.usage, width - 7, '').join('\n       ')}`],
    ...page.sections
      .filter(({entries}) => entries.length > 0)
      .map((section) => [heading(section.title), ...layOut(section, width)]),
    ...(page.examples.length === 0 ? [] : [[heading('Examples'), ...layOutExamples(page, width)]]),
    ...(page.notes.length === 0 ? [] : [page.notes.flatMap((note) => wrap(note, width, ''))]),
  ];
  return blocks.map((lines) => lines.join('\n')).join('\n\n');
}

/** Terms on the left, their texts in a column on the right. */
function layOut({entries}: Section, width: number): string[] {
  const longest = Math.min(widestTerm, Math.floor(width / 2.5));
  const fitting = entries.map(({term}) => term.length).filter((length) => length <= longest);
  const column = 2 + Math.max(...fitting, 8) + 2;
  return entries.flatMap((entry) => layOutEntry(entry, column, width));
}

function layOutEntry({term, text}: Entry, column: number, width: number): string[] {
  const lines = wrap(text, width, ' '.repeat(column));
  const left = `  ${term}`;
  if (left.length + 2 > column) return [left, ...lines];
  const [first = '', ...others] = lines;
  return [left + first.slice(left.length), ...others];
}

/** A command line is never broken, since it is there to be copied. */
function layOutExamples({examples}: Page, width: number): string[] {
  return examples.flatMap(({line, meaning}) => [...wrap(meaning, width, '  # '), `  $ ${line}`]);
}

/** What is in brackets, as `[-- COMMAND...]`, stays together. */
const unbracketedSpace = / (?![^[]*\])/;

function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(unbracketedSpace)) {
    if (line.length > indent.length && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent;
    }
    line += line.length > indent.length ? ` ${word}` : word;
  }
  return [...lines, line];
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
