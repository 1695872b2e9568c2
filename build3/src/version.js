/** The version that package.json names; a test compares the two. */
export const version = '0.1.0';
//# sourceMappingURL=version.js.map
