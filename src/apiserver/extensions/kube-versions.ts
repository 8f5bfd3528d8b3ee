const form = /^v(\d+)(?:(alpha|beta)(\d+))?$/;
const stages: Readonly<Record<string, number>> = { alpha: 1, beta: 2 };

/**
 * The order of versions, the best first: v2, v1, v1beta2, v1beta1, v1alpha1, and then whatever else there is, by name
 * (k8s.io/apimachinery/pkg/version.CompareKubeAwareVersionStrings).
 */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0;
  const [left, right] = [form.exec(a), form.exec(b)];
  if (left === null && right === null) return a < b ? -1 : 1;
  if (left === null) return 1;
  if (right === null) return -1;
  const stage = (match: RegExpExecArray): number => stages[match[2] ?? ""] ?? 3;
  return (
    stage(right) - stage(left) ||
    Number(right[1]) - Number(left[1]) ||
    Number(right[3] ?? 0) - Number(left[3] ?? 0)
  );
}
