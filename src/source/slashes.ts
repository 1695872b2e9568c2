/**
 * Strip trailing slashes from a path. A regular expression takes quadratic time if a long run of slashes is not at the
 * end.
 */
export function withoutSlashesAtEnd(path: string): string {
  let end = path.length;
  while (path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}
