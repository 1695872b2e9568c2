/** The fields of an object that have a value. */
export type Given<T> = {readonly [Name in keyof T]?: Exclude<T[Name], undefined>};

/** An object without the fields that are undefined, for functions to which a field left out is something else. */
export function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}
