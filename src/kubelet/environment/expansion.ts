/**
 * Puts variables into text: `$(NAME)`. An unknown one stays as written, `$$(NAME)` is the text `$(NAME)`. Mirrors
 * third_party/forked/golang/expansion of Kubernetes.
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.replaceAll(/\$(\$|\(([^()]*)\))/g, (whole, after: string, name: string | undefined) => {
    if (after === "$") return "$";
    return lookup(name ?? "") ?? whole;
  });
}
