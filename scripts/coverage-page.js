/*
 * Write docs/coverage.md from the reports in coverage/: how many lines of src the tests run, and each line that they do
 * not run, with its reason from coverage-reasons.js.
 *
 * A line counts if the compiler emits code for it. c8 also counts comments and types, all as run, which gives a higher
 * but less useful figure; the page shows both.
 */
import {execFileSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {SourceMap} from 'node:module';
import path from 'node:path';
import {reasons} from './coverage-reasons.js';

/** @typedef {{file: string, first: number, last: number, text: string}} Stretch lines that no test runs */

export function writeCoveragePage() {
  const run = mergeReports();
  const files = readdirSync('src', {recursive: true, encoding: 'utf8'})
    .filter((name) => name.endsWith('.ts'))
    .sort();
  const counted = files.map((name) => countFile(path.join('src', name), run));
  writeFileSync('docs/coverage.md', page(counted));
  const {code, missed} = total(counted);
  console.log(`${percent(code - missed, code)} of ${code} lines of code are run`);
}

/** The folders of test that have tests, sorted. */
export function foldersOfTests() {
  const folders = readdirSync('test', {withFileTypes: true}).filter((entry) => entry.isDirectory());
  return folders
    .map(({name}) => name)
    .filter((name) => readdirSync(`test/${name}`).some((file) => file.endsWith('.test.ts')))
    .sort();
}

/** The lines of each file that some test ran; a line counts as run if any report says so. */
function mergeReports() {
  const run = new Map();
  for (const folder of readdirSync('coverage')) {
    const file = path.join('coverage', folder, 'coverage-final.json');
    if (!existsSync(file)) continue;
    for (const [name, {statementMap, s}] of Object.entries(JSON.parse(readFileSync(file, 'utf8')))) {
      const source = path.relative('.', name);
      const lines = run.get(source) ?? new Set();
      for (const [i, {start}] of Object.entries(statementMap)) if (s[i] > 0) lines.add(start.line);
      run.set(source, lines);
    }
  }
  return run;
}

function countFile(file, run) {
  const text = readFileSync(file, 'utf8').split('\n');
  const code = linesOfCode(file);
  const ran = run.get(file) ?? new Set();
  const missed = [...code].filter((line) => !ran.has(line)).sort((a, b) => a - b);
  return {
    file,
    code: code.size,
    lines: text.length,
    missed,
    stretches: stretchesOf(file, missed, code, text),
  };
}

/** The lines of a source file that the source map gives for some place in the compiled file. */
function linesOfCode(file) {
  const compiled = path.join('build', file.replace(/ts$/, 'js'));
  const map = new SourceMap(JSON.parse(readFileSync(`${compiled}.map`, 'utf8')));
  const lines = new Set();
  for (const [line, text] of readFileSync(compiled, 'utf8').split('\n').entries()) {
    if (/^(export \{\};|\/\/# sourceMappingURL=.*)?$/.test(text.trim()) || /^\s*(\/?\*|\/\/)/.test(text))
      continue;
    for (let column = 0; column < text.length; column++) {
      const {originalLine} = map.findEntry(line, column);
      if (originalLine !== undefined) lines.add(originalLine + 1);
    }
  }
  return lines;
}

/** Join missed lines that have no code between them. */
function stretchesOf(file, missed, code, text) {
  const stretches = [];
  for (const line of missed) {
    const last = stretches.at(-1);
    const between =
      last === undefined ? [] : Array.from({length: line - last.last - 1}, (_, i) => last.last + 1 + i);
    if (last !== undefined && !between.some((number) => code.has(number))) last.last = line;
    else stretches.push({file, first: line, last: line, text: ''});
  }
  for (const stretch of stretches) stretch.text = text.slice(stretch.first - 1, stretch.last).join('\n');
  return stretches;
}

function page(counted) {
  const {code, missed, lines} = total(counted);
  const stretches = counted.flatMap((file) => file.stretches);
  const groups = [
    ...reasons,
    {title: 'No reason given', why: 'A test or a reason is missing.', lines: () => true},
  ];
  const taken = new Set();
  const sections = groups.map(({title, why, lines: isMeant}) => {
    const mine = stretches.filter((stretch) => !taken.has(stretch) && isMeant(stretch));
    for (const stretch of mine) taken.add(stretch);
    return mine.length === 0 ? '' : `## ${title}\n\n${why}\n\n${mine.map(describe).join('\n')}\n`;
  });
  return `# Lines that no test runs

Written at commit ${commit()} by \`npm run coverage\`, which runs the test suite with V8's coverage in every process that
it starts. Some tests fail there: those of the compiled bundles, which are replaced by the modules they consist of; one
that compares a whole environment, which names V8's directory; and one that has just enough files for a bundle.
${sayWhatIsLeftOut()}Of ${thousands(code)} lines of code in \`src\`, the tests run ${thousands(code - missed)}: **${percent(code - missed, code)}**. (As c8 counts, with
comments and types: ${percent(lines - missed, lines)}.)

${sections.filter((section) => section !== '').join('\n')}`;
}

function commit() {
  return execFileSync('git', ['rev-parse', '--short=7', 'HEAD'], {encoding: 'utf8'}).trim();
}

function sayWhatIsLeftOut() {
  const absent = foldersOfTests().filter((folder) => !existsSync(`coverage/${folder}`));
  if (absent.length === 0) return '';
  const folders = absent.map((folder) => `\`test/${folder}\``).join(', ');
  return `These folders were left out and would run more lines: ${folders}.\n`;
}

function describe({file, first, last, text}) {
  const [start = ''] = text.trim().split('\n');
  const place = first === last ? `${file}:${first}` : `${file}:${first}-${last}`;
  const code = start.length > 80 ? `${start.slice(0, 79)}…` : start;
  return `- ${place}: \`${code.replaceAll('`', "'")}\``;
}

function total(counted) {
  const sum = (count) => counted.reduce((result, file) => result + count(file), 0);
  return {
    code: sum(({code}) => code),
    missed: sum(({missed}) => missed.length),
    lines: sum(({lines}) => lines),
  };
}

function percent(part, whole) {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

function thousands(number) {
  return number.toLocaleString('en');
}
