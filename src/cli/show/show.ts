import {compareMaps, differentRanges, type ElfFile} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import {openNamed} from '../each-file.js';
import type {Output} from '../output.js';
import {type SafeText, trusted} from '../safe-text.js';
import {type Terminal, terminalOf} from '../terminal.js';
import type {show as definition} from './definition.js';
import {comparisonToText} from './diff-text.js';
import {comparisonToJson, reportToJson} from './json.js';
import {comparisonToPage, reportToPage} from './page.js';
import {type Comparison, type FileReport, reportOf} from './report.js';
import {comparisonToSvg, reportToSvg} from './svg.js';
import {reportToText} from './text.js';

type Arguments = ArgumentsOf<typeof definition>;

/** How to show something, with one function per format. */
interface Renderer<T> {
  text(shown: T, terminal: Terminal): SafeText[];
  svg(shown: T): string;
  html(shown: T): string;
  json(shown: T): object;
}

const oneFile: Renderer<FileReport> = {
  text: reportToText,
  svg: reportToSvg,
  html: reportToPage,
  json: reportToJson,
};
const twoFiles: Renderer<Comparison> = {
  text: comparisonToText,
  svg: comparisonToSvg,
  html: comparisonToPage,
  json: comparisonToJson,
};

export async function run(args: Arguments, output: Output): Promise<undefined> {
  if (args.json && args.format !== undefined && args.format !== 'json')
    throw new UsageError(`--json and --format ${args.format} are mutually exclusive`);
  const {file: path, diff: other} = args;
  const file = openNamed(path);
  try {
    if (other === undefined) print(reportOf(file.view, path), oneFile, args, output);
    else await printComparison(file, path, other, args, output);
  } finally {
    await file.close();
  }
}

async function printComparison(
  {view}: ElfFile,
  path: string,
  other: string,
  args: Arguments,
  output: Output,
): Promise<void> {
  const second = openNamed(other);
  try {
    const comparison = {
      before: reportOf(view, path),
      after: reportOf(second.view, other),
      pairs: compareMaps(view, second.view),
      changed: differentRanges(view, second.view),
    };
    print(comparison, twoFiles, args, output);
  } finally {
    await second.close();
  }
}

function print<T>(shown: T, renderer: Renderer<T>, args: Arguments, output: Output): void {
  const format = args.json ? 'json' : (args.format ?? 'text');
  if (format === 'json') output.json(renderer.json(shown));
  else if (format === 'svg') output.line(trusted(renderer.svg(shown)));
  else if (format === 'html') output.line(trusted(renderer.html(shown)));
  else for (const line of renderer.text(shown, terminalOf(1, process.env))) output.line(line);
}
