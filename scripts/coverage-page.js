export function writeCoveragePage() {}
