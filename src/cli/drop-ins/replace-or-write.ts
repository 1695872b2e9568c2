import {applyPlanSync, type EditableElf, type ElfError, type Plan} from '../../index.js';
import {isUnreplaceable} from '../edit/unreplaceable.js';

/**
 * A directory where nothing can be made, or a file that is a mount point: patchelf and chrpath write into the file anyway.
 *
 * @returns what there is to say of that
 */
export function replaceOrWriteInPlace(file: EditableElf, plan: Plan): readonly string[] {
  try {
    return applyPlanSync(file, plan).notes;
  } catch (error) {
    if (!isUnreplaceable(error)) throw error;
    try {
      const {notes} = applyPlanSync(file, plan, {inPlace: true});
      return ['written in place, because the file cannot be replaced', ...notes];
    } catch (second) {
      // Of a file that cannot even be opened to be written, the first error says more.
      const {syscall} = ((second as ElfError).cause ?? {}) as NodeJS.ErrnoException;
      throw syscall === 'open' ? error : second;
    }
  }
}
