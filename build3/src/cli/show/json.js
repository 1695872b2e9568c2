/** The facts as data. A fact that the file does not have is null. */
export function exhibitToJson({path, facts, segments, dynamic, map}) {
  return {
    file: path,
    ...withNulls(facts),
    hardening: facts.hardening === undefined ? null : withNulls(facts.hardening),
    segments,
    dynamic,
    map: map.map(withNulls),
  };
}
/** Two files as data; `regions` leaves out what is unchanged. */
export function comparisonToJson({before, after, pairs, changed}) {
  return {
    before: exhibitToJson(before),
    after: exhibitToJson(after),
    changed,
    regions: pairs.filter(({change}) => change !== 'same').map(pairToJson),
  };
}
function pairToJson({before, after, change, different}) {
  const region = (side) => (side === undefined ? null : withNulls(side));
  return {change, different, before: region(before), after: region(after)};
}
function withNulls(record) {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, value ?? null]));
}
//# sourceMappingURL=json.js.map
