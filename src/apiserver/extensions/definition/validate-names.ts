import type { CustomResourceDefinitionNames } from "../../../api/types/apiextensions-v1.ts";
import { type FieldError, invalid } from "../../../apimachinery/field-error.ts";
import { dns1035LabelErrors } from "../../../apimachinery/names.ts";

/** The names of a definition: words of DNS, kinds in mixed case. */
export function nameErrors(names: Partial<CustomResourceDefinitionNames>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const check = (value: string | undefined, where: string): void => {
    if (value === undefined || value === "") return;
    const wrong = dns1035LabelErrors(value);
    if (wrong.length > 0) errors.push(invalid(where, value, wrong.join(",")));
  };
  const checkKind = (value: string | undefined, where: string): void => {
    if (value === undefined || value === "") return;
    const wrong = dns1035LabelErrors(value.toLowerCase());
    const why = `may have mixed case, but should otherwise match: ${wrong.join(",")}`;
    if (wrong.length > 0) errors.push(invalid(where, value, why));
  };
  const checkEach = (values: readonly string[] | undefined, where: string): void => {
    for (const [index, value] of (values ?? []).entries()) {
      const wrong = dns1035LabelErrors(value);
      if (wrong.length > 0) errors.push(invalid(`${where}[${index}]`, value, wrong.join(",")));
    }
  };
  check(names.plural, `${path}.plural`);
  check(names.singular, `${path}.singular`);
  checkKind(names.kind, `${path}.kind`);
  checkKind(names.listKind, `${path}.listKind`);
  checkEach(names.shortNames, `${path}.shortNames`);
  if ((names.kind ?? "") !== "" && names.kind === names.listKind) {
    errors.push(invalid(`${path}.listKind`, names.listKind, "kind and listKind may not be the same"));
  }
  checkEach(names.categories, `${path}.categories`);
  return errors;
}
