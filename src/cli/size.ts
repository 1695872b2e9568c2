import {shortened} from '../index.js';

/** A length in few characters: "2.9 MiB". */
export function short(value: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  const power = value < 1024 ? 0 : Math.min(3, Math.floor(Math.log2(value) / 10));
  return `${power === 0 ? value : (value / 1024 ** power).toFixed(1)} ${units[power]}`;
}

/** So many of something: "1 library", "3 libraries". */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** Names with commas between them; from a certain number on, how many more there are. */
export function enumerate(names: readonly string[], most = 8): string {
  const shown = names.slice(0, names.length > most + 1 ? most : names.length).map((name) => shortened(name));
  const rest = names.length - shown.length;
  return rest === 0 ? shown.join(', ') : `${shown.join(', ')} and ${rest} more`;
}
