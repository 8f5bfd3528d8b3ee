/** Definitions and objects that are made to hold a server up, each with the answer that it must get. */

export interface Adversary {
  readonly name: string;
  /** Of `spec` in the definition. */
  readonly schema: object;
  /** Of an object of the definition; absent where the definition itself is the attack. */
  readonly spec?: () => unknown;
  /** What the definition is answered, and the object. */
  readonly expected: number;
  /** What the answer says. */
  readonly says: string;
}

const rules = (...texts: string[]): object => ({
  "x-kubernetes-validations": texts.map((rule) => ({ rule })),
});
const object = (properties: object, more: object = {}): object => ({ type: "object", properties, ...more });
const integers = (maxItems: number): object => ({ type: "array", maxItems, items: { type: "integer" } });
const text = (maxLength: number): object => ({ type: "string", maxLength });
const list = (length: number): number[] => Array.from({ length }, (_, index) => index);
const heavyPatterns = (): (readonly [string, object])[] =>
  list(300).map((index) => [
    `field${index}`,
    { type: "string", pattern: `^([a-z]{1,${700 + index}}|x${index})+$` },
  ]);
const over = "operation cancelled: actual cost limit exceeded";

let nested: object = { pattern: "^(a|aa)+$" };
for (let depth = 0; depth < 10; depth++) nested = { anyOf: [nested, nested] };

export const adversaries: readonly Adversary[] = [
  {
    name: "comprehensions nested five deep",
    schema: object(
      { list: integers(10_000) },
      rules(
        "self.list.all(a, self.list.all(b, self.list.all(c, self.list.all(d, self.list.all(e, a + b + c + d + e > 0)))))",
      ),
    ),
    expected: 422,
    says: "estimated rule cost exceeds budget by factor of more than 100x",
  },
  {
    name: "an expression nested 5,000 deep",
    schema: object({ text: text(10) }, rules(`${"(".repeat(5000)}true${")".repeat(5000)}`)),
    expected: 422,
    says: "expression recursion limit exceeded: 250",
  },
  {
    name: "10 MB of schema",
    schema: object(Object.fromEntries(list(250_000).map((index) => [`field${index}`, { type: "string" }]))),
    expected: 413,
    says: "Request entity too large: limit is 3145728",
  },
  {
    name: "a rule on each of 10,000 items",
    schema: object({
      list: {
        type: "array",
        maxItems: 10_000,
        items: object({ n: { type: "integer" } }, rules("self.n >= 0")),
      },
    }),
    spec: () => ({ list: list(10_000).map((n) => ({ n })) }),
    expected: 201,
    says: "",
  },
  {
    name: "a rule that goes over 1,000 × 1,000 items",
    schema: object({ list: integers(1000) }, rules("self.list.all(x, self.list.all(y, x + y >= 0))")),
    spec: () => ({ list: list(1000) }),
    expected: 422,
    says: `'${over}': no further validation rules will be run due to call cost exceeds limit for rule`,
  },
  {
    name: "twelve dear rules",
    schema: object(
      { list: integers(330) },
      rules(...list(12).map((index) => `self.list.all(x, self.list.all(y, x + y >= -${index}))`)),
    ),
    spec: () => ({ list: list(330) }),
    expected: 201,
    says: "",
  },
  {
    name: "an exponential regular expression in a rule",
    schema: object({ text: text(100_000) }, rules("self.text.matches('^(a+)+$')")),
    spec: () => ({ text: `${"a".repeat(99_998)}!` }),
    expected: 422,
    says: "failed rule: self.text.matches('^(a+)+$')",
  },
  {
    name: "an exponential pattern on a megabyte",
    schema: object({ text: { type: "string", pattern: "^(a+)+$" } }),
    spec: () => ({ text: `${"a".repeat(1_000_000)}!` }),
    expected: 422,
    says: "should match '^(a+)+$'",
  },
  {
    name: "a pattern of 900 steps on 300 KB",
    schema: object({ text: { type: "string", pattern: "^[ab]*a[ab]{900}[c-f]$" } }),
    spec: () => ({ text: "aababbbaab".repeat(30_000) }),
    expected: 422,
    says: "should match '^[ab]*a[ab]{900}[c-f]$'",
  },
  {
    name: "a pattern in 1,024 alternatives",
    schema: object({ text: { type: "string", ...nested } }),
    spec: () => ({ text: `${"a".repeat(100_000)}!` }),
    expected: 422,
    says: "must validate at least one schema (anyOf)",
  },
  {
    name: "300 patterns that take milliseconds each",
    schema: object(Object.fromEntries(heavyPatterns())),
    expected: 201,
    says: "",
  },
  {
    name: "… and an object with a text for each of them",
    schema: object(Object.fromEntries(heavyPatterns())),
    spec: () => Object.fromEntries(heavyPatterns().map(([name]) => [name, "abc"])),
    expected: 201,
    says: "",
  },
  {
    name: "a text of ten billion characters",
    schema: object({ text: text(100_000) }, rules("self.text.replace('a', self.text).size() > 0")),
    spec: () => ({ text: "a".repeat(99_000) }),
    expected: 422,
    says: over,
  },
  {
    name: "a list of a hundred million items",
    schema: object({ list: integers(10_000) }, rules("self.list.map(x, self.list).flatten().size() > 0")),
    spec: () => ({ list: list(10_000) }),
    expected: 422,
    says: over,
  },
  {
    name: "a sort of 10,000 items",
    schema: object({ list: integers(10_000) }, rules("self.list.sort().size() > 0")),
    expected: 422,
    says: "estimated rule cost exceeds budget by factor of",
  },
];
