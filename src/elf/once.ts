import type {ElfView} from './view.js';

/**
 * Work something out once for each view, however often it is asked for: one plan asks twenty times how many symbols
 * there are. What throws is tried again.
 */
export function oncePerView<T>(workOut: (view: ElfView) => T): (view: ElfView) => T {
  const known = new WeakMap<ElfView, {readonly value: T}>();
  return (view) => {
    let entry = known.get(view);
    if (entry === undefined) {
      entry = {value: workOut(view)};
      known.set(view, entry);
    }
    return entry.value;
  };
}
