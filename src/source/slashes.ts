/** A path without the slashes at its end. The regular expression for it takes quadratic time where a long run is not at the end. */
export function withoutSlashesAtEnd(path: string): string {
  let end = path.length;
  while (path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}
