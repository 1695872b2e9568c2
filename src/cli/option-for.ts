/** Options whose names are not those of the fields that they set. */
const others: Readonly<Record<string, string>> = {
  architecture: '--arch',
  clearSymbolVersions: '--clear-symbol-version',
  renameSymbols: '--rename-symbol',
};

/** The option for a field of a request, which is how the library calls it. */
export function optionFor(field: string): string {
  return others[field] ?? `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
