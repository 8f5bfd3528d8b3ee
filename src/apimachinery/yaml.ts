import { dump, load, loadAll } from "js-yaml";

export function parseYaml(text: string): unknown {
  return load(text);
}
export function parseYamlDocuments(text: string): unknown[] {
  return loadAll(text);
}
export function printYaml(value: unknown): string {
  return dump(value, { sortKeys: true, seqNoIndent: true, lineWidth: -1, noRefs: true });
}
