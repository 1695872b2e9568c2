/** Formats that draw the graph of all programs. */
export const pictureFormats = ['dot', 'svg', 'mermaid'] as const;
export type PictureFormat = (typeof pictureFormats)[number];

/** What `--format` takes; report.ts has the report of each. */
export const formats = ['text', 'list', 'json', ...pictureFormats] as const;
export type Format = (typeof formats)[number];
