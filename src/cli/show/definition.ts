import type {Definition} from '../command.js';
import {choice, jsonOption, text} from '../options.js';

export const show = {
  usage: 'show <file>',
  summary: 'describe a file, and draw a map of it to scale',
  positionals: {file: {describe: 'an ELF file', type: 'string'}},
  options: {
    format: choice(
      'FORMAT',
      ['text', 'json', 'svg', 'html'],
      'output format: text for the terminal, JSON, an SVG picture, or an HTML page',
      {usual: 'text'},
    ),
    diff: text('FILE', 'compare with this file, for example the same program after an edit'),
    ...jsonOption,
  },
  examples: [
    {
      line: 'elfinterp show qemu-arm',
      meaning: 'interpreter, libraries, hardening, the glibc it needs, and the map',
    },
    {line: 'elfinterp show --format html qemu-arm > qemu-arm.html', meaning: 'the same as a page'},
    {line: 'elfinterp show qemu-arm --diff patched', meaning: 'what an edit changed, and where'},
  ],
} as const satisfies Definition;
