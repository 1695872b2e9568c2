/** Whether this loader is one of the old ones. An unknown version counts as new. */
export function hasLegacyHwcaps({version}) {
  const [major, minor] = (version ?? '').split('.').map(Number);
  return major === 2 && minor !== undefined && minor <= 36;
}
/** The subdirectories, best first, each with its slash. */
export function legacySubdirectories(facts, machine, platform) {
  if (!hasLegacyHwcaps(facts)) return [];
  const names = [
    ...(featureNames[machine.e_machine] ?? []),
    ...(platform === undefined ? [] : [platform]),
    'tls',
  ];
  const combinations = new Set();
  for (let bits = (1 << names.length) - 1; bits > 0; bits--) {
    const chosen = names.filter((_, i) => (bits & (1 << i)) !== 0).reverse();
    combinations.add(`${chosen.join('/')}/`);
  }
  return [...combinations];
}
/** The hwcap bits with which an entry of ld.so.cache still serves: tls and the platform. */
export function legacyHwcapBits(facts, {e_machine}) {
  return hasLegacyHwcaps(facts) ? (1n << 63n) | (featureBits[e_machine] ?? 0n) : 0n;
}
const featureNames = {
  3: ['sse2'],
  40: ['vfp', 'neon'],
  62: ['x86_64'],
};
const featureBits = {3: 1n, 40: 0x1040n, 62: 2n};
//# sourceMappingURL=legacy-hwcaps.js.map
