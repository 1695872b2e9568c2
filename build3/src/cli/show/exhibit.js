/*
 * What `show` shows of one file, or of two, as data. Text, SVG, HTML and the playground are drawn from it.
 */
import {describeElf, ElfError, listDynamic, listSegments, mapFile} from '../../index.js';
/** Look at a file. What cannot be read is left out, and the facts say so. */
export function exhibitOf(view, path) {
  const unreadable = [];
  const attempt = (read) => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      unreadable.push(error.message);
      return [];
    }
  };
  const facts = describeElf(view);
  const segments = attempt(() => listSegments(view));
  const dynamic = attempt(() => listDynamic(view));
  const map = attempt(() => mapFile(view));
  return {
    path,
    facts: {...facts, unreadable: [...new Set([...facts.unreadable, ...unreadable])]},
    segments,
    dynamic,
    map,
  };
}
//# sourceMappingURL=exhibit.js.map
