/**
 * The fields in what `kubectl explain --recursive` printed, as `DEPTH NAME`: lines of fields are a name, a tab and a type,
 * and each depth is two blanks.
 */
export function explainedFields(text: string): string[] {
  const [, fields = ""] = text.split("\nFIELDS:\n");
  return Array.from(
    fields.matchAll(/^( +)(\S+)\t</gm),
    ([, blanks = "", name = ""]) => `${blanks.length / 2 - 1} ${name}`,
  );
}
