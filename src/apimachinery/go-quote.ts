const named: Readonly<Record<string, string>> = { "\u0007": "\\a", "\u000b": "\\v", "\u007f": "\\x7f" };

/** A text as Go's `%q` shows it: as JSON does, but for characters that cannot be printed. */
export function goQuoted(text: string): string {
  const quoted = JSON.stringify(text);
  if (!/\\u00|[\u007f-\u009f]/.test(quoted)) return quoted;
  return quoted
    .replaceAll(/\\(?:\\|u00([01][0-9a-f]))/g, (whole, code: string | undefined) => {
      if (code === undefined) return whole;
      return named[String.fromCharCode(Number.parseInt(code, 16))] ?? `\\x${code}`;
    })
    .replaceAll(/[\u007f-\u009f]/g, (character) => {
      const code = character.charCodeAt(0).toString(16).padStart(2, "0");
      return named[character] ?? `\\u00${code}`;
    });
}
