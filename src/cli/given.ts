/** The fields of an object that have a value. */
export type Given<T> = {readonly [Name in keyof T]?: Exclude<T[Name], undefined>};

/** An object without the fields that are undefined, for functions that tell a missing field from an undefined one. */
export function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}
