/** A length in few characters: "2.9 MiB". */
export function short(value: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  const power = value < 1024 ? 0 : Math.min(3, Math.floor(Math.log2(value) / 10));
  return `${power === 0 ? value : (value / 1024 ** power).toFixed(1)} ${units[power]}`;
}

/** A number of something: "1 library", "3 libraries". */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
