/*
 * A manual page in man(7) macros, from the same source as the help.
 */
import {version} from '../../index.js';
import type {Example} from '../command.js';
import {commands, groups} from '../commands.js';
import {dropInPages} from './drop-ins.js';
import {commandPage, groupPage, overviewPage, type Page} from './page.js';

/** Every page of the manual, by the name of its file. */
export function manual(): Map<string, string> {
  const pages = [
    overviewPage(),
    ...Object.keys(groups).map(groupPage),
    ...commands.map(commandPage),
    ...dropInPages,
  ];
  return new Map(pages.map((page) => [`${dashed(page.name)}.1`, pageToMan(page, pages)]));
}

const usualStatus = '0: success. 1: the operation failed, or found a problem. 2: the command line is wrong.';

function pageToMan(page: Page, pages: readonly Page[]): string {
  const title = dashed(page.name);
  return [
    `.TH ${title.toUpperCase()} 1 "" "elfinterp ${version}" "elfinterp"`,
    '.SH NAME',
    roff(`${title} - ${page.summary}`),
    '.SH SYNOPSIS',
    synopsis(page),
    ...page.sections
      .filter(({entries}) => entries.length > 0)
      .flatMap(({title: heading, entries}) => [
        `.SH ${heading.toUpperCase()}`,
        ...entries.flatMap(({term, text}) => ['.TP', `.B ${roff(term.trim())}`, roff(text)]),
      ]),
    ...(page.examples.length === 0 ? [] : ['.SH EXAMPLES', ...page.examples.flatMap(exampleToMan)]),
    ...(page.notes.length === 0 ? [] : ['.SH NOTES', page.notes.map(roff).join('\n.br\n')]),
    '.SH EXIT STATUS',
    roff(page.exitStatus ?? usualStatus),
    '.SH SEE ALSO',
    seeAlso(page, pages),
    '',
  ].join('\n');
}

/** What is typed is in bold, placeholders are not. */
function synopsis({name, usage}: Page): string {
  return `.B ${roff(name)}\n${roff(usage.slice(name.length + 1))}`;
}

function exampleToMan({line, meaning}: Example): string[] {
  return ['.TP', `.B ${roff(line)}`, roff(meaning)];
}

/** For the overview, its commands; for a command of a group, the group. */
function seeAlso({name, related = []}: Page, pages: readonly Page[]): string {
  const isNear = (other: string) =>
    /^[ -]/.test(other.startsWith(name) ? other.slice(name.length) : '') ||
    name.startsWith(`${other} `) ||
    related.includes(other);
  const near = pages.filter((page) => isNear(page.name)).map((page) => `.BR ${roff(dashed(page.name))} (1)`);
  return [...near, '.BR ld.so (8)'].join(',\n');
}

function dashed(name: string): string {
  return name.replaceAll(' ', '-');
}

/**
 * A hyphen in a command line must stay a hyphen, and so must the other characters that groff replaces by typographic
 * forms; a line that begins with a dot would be a macro.
 */
function roff(text: string): string {
  return text.replace(/[\\\-'`^~]/g, (character) => escapes[character] ?? character).replace(/^\./, '\\&.');
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
};
