import {InterruptedEdits} from '../../index.js';

/** Undo edits in place that were interrupted where files are opened, and say of which files. */
export function undoInterruptedFirst(say: (path: string, what: string) => void): InterruptedEdits {
  return new InterruptedEdits(
    (path) => say(path, 'an edit in place that was interrupted is undone first'),
    (path, why) => say(path, `an edit in place that was interrupted is not undone: ${why}`),
  );
}
