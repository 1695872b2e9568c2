/*
 * $ORIGIN, $LIB and $PLATFORM, as glibc replaces them (elf/dl-load.c: is_dst, _dl_dst_substitute).
 *
 * A token ends where an identifier would end, so `$ORIGINAL` is plain text; so is any other `$`. A known token
 * without a value makes the whole text unusable.
 */

/** The values of the tokens; undefined where the loader does not know. */
export interface TokenValues {
  readonly origin: string | undefined;
  readonly lib: string | undefined;
  readonly platform: string | undefined;
}

const token = /\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))/g;

/** Whether a text holds a token. */
export function hasToken(text: string): boolean {
  return text.includes('$') && text.search(token) >= 0;
}

/** How many characters a text grows by when its tokens are replaced; a token without a value adds none. */
export function expansion(text: string, values: TokenValues): number {
  if (!text.includes('$')) return 0;
  let sum = 0;
  for (const [found, braced, plain] of text.matchAll(token))
    sum += Math.max(0, (tokenValue(braced ?? plain, values)?.length ?? 0) - found.length);
  return sum;
}

/** Replace every token; undefined when one of them has no value. */
export function expandTokens(text: string, values: TokenValues): string | undefined {
  if (!text.includes('$')) return text;
  let known = true;
  const expanded = text.replace(token, (_, braced?: string, plain?: string) => {
    const value = tokenValue(braced ?? plain, values);
    known &&= value !== undefined;
    return value ?? '';
  });
  return known ? expanded : undefined;
}

/**
 * The same in a program that runs with other rights than its caller (AT_SECURE): $ORIGIN is allowed only as the whole
 * first component, and for the program itself only if that leads into a directory that the system trusts.
 */
export function expandTokensSecurely(
  text: string,
  values: TokenValues,
  trusted: readonly string[] | undefined,
): string | undefined {
  const origins = text.match(/\$(?:\{ORIGIN\}|ORIGIN(?![A-Za-z0-9_]))/g) ?? [];
  if (origins.length === 0) return expandTokens(text, values);
  if (origins.length > 1 || !/^\$(?:\{ORIGIN\}|ORIGIN)(?:\/|$)/.test(text)) return undefined;
  const expanded = expandTokens(text, values);
  if (expanded === undefined || trusted === undefined) return expanded;
  const normal = `${normalize(expanded)}/`;
  return trusted.some((directory) => normal.startsWith(directory)) ? expanded : undefined;
}

function tokenValue(name: string | undefined, {origin, lib, platform}: TokenValues): string | undefined {
  if (name === 'ORIGIN') return origin;
  return name === 'LIB' ? lib : platform;
}

/** Take `.`, `..` and doubled slashes out of a path by its text alone, as is_trusted_path_normalize does. */
function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}
