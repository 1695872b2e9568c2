/*
 * The lines of a terminal as an animated SVG for light and dark backgrounds. Each line appears at its time; a command
 * is revealed from the left as if it were typed. The animation ends in a still picture.
 */

const cell = {width: 8.2, height: 19};
const margin = 18;
/** Before each command but the first. */
const gap = 9;

/** Colours of the terminal, with their values on white and on black. */
const palette = {
  1: ['#b3261e', '#ff8a80'],
  2: ['#1a7f37', '#7ee787'],
  3: ['#8a5a00', '#e3b341'],
  4: ['#0a53be', '#79c0ff'],
  5: ['#8250df', '#d2a8ff'],
  6: ['#0b6e75', '#76e3ea'],
  8: ['#5f6670', '#9aa4af'],
};

/**
 * @param {({typed: string, at: number, for: number} | {spans: object[], at: number})[]} lines times in milliseconds
 * @param {{cols: number, title: string}} options
 */
export function drawTerminal(lines, {cols, title}) {
  const width = Math.ceil(cols * cell.width + 2 * margin);
  const gaps = (end) => lines.slice(1, end).filter(({typed}) => typed !== undefined).length * gap;
  const height = lines.length * cell.height + gaps() + 2 * margin;
  const body = lines.map((line, i) => drawLine(line, margin + (i + 0.75) * cell.height + gaps(i + 1)));
  return `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}">
<title>${escapeXml(title)}</title>
<style>
${style()}
</style>
<rect class="window" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="9"/>
${body.join('\n')}
</svg>
`;
}

function drawLine(line, y) {
  const delay = `animation-delay:${Math.round(line.at)}ms`;
  if (line.typed === undefined) {
    return `<g class="line" style="${delay}">${line.spans.map((_, i) => drawSpan(line.spans, i, y)).join('')}</g>`;
  }
  const length = line.typed.length;
  const typing = `${delay};animation-duration:${line.for}ms;animation-timing-function:steps(${length})`;
  const command = text(line.typed, 2, y, 'command');
  return `<g class="line" style="${delay}">${text('$', 0, y, 'c2')}</g><g class="typed" style="${typing}">${command}</g>`;
}

function drawSpan(spans, i, y) {
  const {look, text: words} = spans[i];
  const before = spans.slice(0, i).reduce((sum, span) => sum + span.text.length, 0);
  const indent = words.length - words.trimStart().length;
  if (words.trim() === '') return '';
  const classes = [
    look.color === undefined ? '' : `c${look.color in palette ? look.color : look.color % 8}`,
    look.bold ? 'bold' : '',
    look.dim ? 'c8' : '',
  ];
  return text(words.trim(), before + indent, y, classes.filter(Boolean).join(' '));
}

/** Set the length, so that columns line up in any font. */
function text(words, column, y, classes) {
  const place = `x="${round(margin + column * cell.width)}" y="${round(y)}" textLength="${round(words.length * cell.width)}"`;
  return `<text ${place}${classes === '' ? '' : ` class="${classes}"`}>${escapeXml(words)}</text>`;
}

function style() {
  const colors = (index) =>
    Object.entries(palette)
      .map(([number, shades]) => `.c${number}{fill:${shades[index]}}`)
      .join('');
  return `text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre;fill:#1f2328}
.window{fill:#fbfbfc;stroke:#d0d7de}
.command,.bold{font-weight:600}
${colors(0)}
.line{animation:appear 1ms both}
.typed{animation:type both}
@keyframes appear{from{visibility:hidden}to{visibility:visible}}
@keyframes type{from{clip-path:inset(0 100% 0 0)}to{clip-path:inset(0 0 0 0)}}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.window{fill:#12161c;stroke:#30363d}${colors(1)}}
@media (prefers-reduced-motion:reduce){.line,.typed{animation:none}}`;
}

function escapeXml(words) {
  return words
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function round(value) {
  return Math.round(value * 100) / 100;
}
