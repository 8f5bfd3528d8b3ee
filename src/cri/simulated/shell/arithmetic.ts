/** From the operators that bind least to those that bind most. */
const levels: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["==", "!="],
  ["<=", ">=", "<", ">"],
  ["+", "-"],
  ["*", "/", "%"],
];

const operations: Readonly<Record<string, (left: number, right: number) => number>> = {
  "||": (left, right) => Number(left !== 0 || right !== 0),
  "&&": (left, right) => Number(left !== 0 && right !== 0),
  "==": (left, right) => Number(left === right),
  "!=": (left, right) => Number(left !== right),
  "<=": (left, right) => Number(left <= right),
  ">=": (left, right) => Number(left >= right),
  "<": (left, right) => Number(left < right),
  ">": (left, right) => Number(left > right),
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => (right === 0 ? 0 : Math.trunc(left / right)),
  "%": (left, right) => (right === 0 ? 0 : left % right),
};

/** What `$((…))` comes to, in whole numbers; what is no number counts as 0. */
export function arithmetic(text: string, variable: (name: string) => string | undefined): string {
  const tokens = text.match(/\d+|\$?\{?\w+\}?|[=!<>]=|&&|\|\||[-+*/%<>()!]/g) ?? [];
  let at = 0;
  const operand = (): number => {
    const token = tokens[at++] ?? "0";
    if (token === "-") return -operand();
    if (token === "+") return operand();
    if (token === "!") return Number(operand() === 0);
    if (token === "(") {
      const value = level(0);
      at++;
      return value;
    }
    const value = /^\d/.test(token) ? token : variable(token.replaceAll(/[${}]/g, ""));
    return Math.trunc(Number(value ?? 0)) || 0;
  };
  const level = (depth: number): number => {
    const known = levels[depth];
    if (known === undefined) return operand();
    let value = level(depth + 1);
    for (let token = tokens[at]; token !== undefined && known.includes(token); token = tokens[at]) {
      at++;
      value = operations[token]?.(value, level(depth + 1)) ?? 0;
    }
    return value;
  };
  return String(level(0));
}
