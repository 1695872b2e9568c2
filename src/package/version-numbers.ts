/** Compare dotted numbers, as in "2.34" and "2.4": negative when the first is older, 0 when they are the same. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The newest of some versions; undefined when there is none. */
export function newestOf(versions: readonly string[]): string | undefined {
  return versions.reduce<string | undefined>(
    (a, b) => (a === undefined || compareVersions(b, a) > 0 ? b : a),
    undefined,
  );
}

/** Whether a version is a dotted number of at most four parts. */
export function isVersion(text: string): boolean {
  return /^\d{1,6}(\.\d{1,6}){0,3}$/.test(text);
}
