/** All names that the options have: one that is missing is an error to the compiler. */
export const everyName =
  <Options>() =>
  <const Names extends readonly string[]>(
    ...names: [Exclude<keyof Options, Names[number]>] extends [never] ? Names : never
  ): readonly string[] =>
    names;
