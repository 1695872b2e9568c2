/** Names of EI_OSABI as readelf and patchelf print them; the first is printed, all are accepted. */
const names: Readonly<Record<number, readonly string[]>> = {
  0: ['System V', 'system-v', 'sysv', 'none'],
  1: ['HP-UX'],
  2: ['NetBSD'],
  3: ['Linux', 'gnu'],
  4: ['GNU Hurd', 'gnu-hurd', 'hurd'],
  6: ['Solaris'],
  7: ['AIX'],
  8: ['IRIX'],
  9: ['FreeBSD'],
  10: ['Tru64'],
  12: ['OpenBSD'],
  13: ['OpenVMS'],
};

/** The name of an EI_OSABI value; `0x40` for one that has none. */
export function osAbiName(value: number): string {
  return names[value]?.[0] ?? `0x${value.toString(16).padStart(2, '0').toUpperCase()}`;
}

/** The EI_OSABI value of a name, in any case; undefined for an unknown name. */
export function osAbiValue(name: string): number | undefined {
  const wanted = name.trim().toLowerCase();
  const found = Object.entries(names).find(([, known]) => known.some((k) => k.toLowerCase() === wanted));
  return found === undefined ? undefined : Number(found[0]);
}

/** Each name that is printed. */
export const osAbiNames: readonly string[] = Object.values(names).map(([name = '']) => name);
