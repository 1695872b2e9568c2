import {compareMaps, differentRanges, openElfSync} from '../../index.js';
import {comparisonToText} from '../show/diff-text.js';
import {exhibitOf} from '../show/exhibit.js';
import {comparisonToJson, exhibitToJson} from '../show/json.js';
import {comparisonToPage, exhibitToPage} from '../show/page.js';
import {comparisonToSvg, exhibitToSvg} from '../show/svg.js';
import {exhibitToText} from '../show/text.js';
import {terminalOf} from '../terminal.js';

const oneFile = {
  text: exhibitToText,
  svg: exhibitToSvg,
  html: exhibitToPage,
  json: exhibitToJson,
};
const twoFiles = {
  text: comparisonToText,
  svg: comparisonToSvg,
  html: comparisonToPage,
  json: comparisonToJson,
};
export async function run(args, output) {
  const path = args.file;
  const other = args.diff;
  const file = openElfSync(path);
  try {
    if (other === undefined) print(exhibitOf(file.view, path), oneFile, args, output);
    else await printComparison(file, path, other, args, output);
  } finally {
    await file.close();
  }
}
async function printComparison({view}, path, other, args, output) {
  const second = openElfSync(other);
  try {
    const comparison = {
      before: exhibitOf(view, path),
      after: exhibitOf(second.view, other),
      pairs: compareMaps(view, second.view),
      changed: differentRanges(view, second.view),
    };
    print(comparison, twoFiles, args, output);
  } finally {
    await second.close();
  }
}
function print(shown, renderer, args, output) {
  const format = args.json ? 'json' : (args.format ?? 'text');
  if (format === 'json') output.json(renderer.json(shown));
  else if (format === 'svg') output.line(renderer.svg(shown));
  else if (format === 'html') output.line(renderer.html(shown));
  else for (const line of renderer.text(shown, terminalOf(process.stdout, process.env))) output.line(line);
}
//# sourceMappingURL=show.js.map
