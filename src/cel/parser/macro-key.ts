/** How macros are looked up: by name, number of arguments (`*` is any) and whether they are called on a target. */
export function macroKey(name: string, args: number | "*", onTarget: boolean): string {
  return `${name}:${args}:${onTarget}`;
}
