/**
 * Expressions made from a seed: mostly well-typed ones over the sample data, with a share that is wrong in its types or
 * its syntax. What they mean does not matter; that two implementations agree on them does.
 */
export class Generator {
  #state: number;
  #names = 0;
  /** Variables of comprehensions that are in sight, by type. */
  #locals: { name: string; type: string }[] = [];

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** One expression. */
  next(): string {
    this.#locals = [];
    const expr = this.#of(this.#pick(types), 4);
    const dice = this.#random(12);
    if (dice === 0) return this.#damage(expr);
    return dice === 1 ? this.#misuse(expr) : expr;
  }

  // xorshift: the same on every machine.
  #random(below: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % below;
  }

  #pick<T>(from: readonly T[]): T {
    const found = from[this.#random(from.length)];
    if (found === undefined) throw new Error("nothing to pick from");
    return found;
  }

  #of(type: string, depth: number): string {
    const local = this.#locals.filter((each) => each.type === type);
    if (local.length > 0 && this.#random(3) === 0) return this.#pick(local).name;
    const simple = leaves[type];
    if (depth <= 0 || this.#random(5) === 0) return this.#pick(simple ?? leaves["int"] ?? ["1"]);
    const template = this.#pick(templates[type] ?? []);
    return this.#fill(template, depth - 1);
  }

  /** `<int>` is an expression of the type, `{x:int|…}` one with a local variable of the type in sight. */
  #fill(template: string, depth: number): string {
    let result = "";
    for (let at = 0; at < template.length; at++) {
      const rest = template.slice(at);
      const hole = /^<([a-z]+)>/u.exec(rest);
      const bound = /^\{\{(\w+)\|/u.exec(rest);
      if (hole !== null) {
        result += this.#of(hole[1] ?? "int", depth);
        at += hole[0].length - 1;
      } else if (bound !== null) {
        const end = template.indexOf("}}", at);
        const name = `v${this.#names++ % 5}`;
        this.#locals.push({ name, type: bound[1] ?? "int" });
        const body = this.#fill(template.slice(at + bound[0].length, end), depth);
        this.#locals.pop();
        result += `${name}, ${body}`;
        at = end + 1;
      } else {
        result += template[at];
      }
    }
    return result;
  }

  /** Leaves a character out, puts one in, or doubles one. */
  #damage(expr: string): string {
    const at = this.#random(expr.length + 1);
    const dice = this.#random(3);
    if (dice === 0) return expr.slice(0, at) + expr.slice(at + 1);
    if (dice === 1)
      return expr.slice(0, at) + this.#pick(Array.from("()[]{}.,+-!?:*&|'\"<>= ax1")) + expr.slice(at);
    return expr.slice(0, at) + expr.slice(Math.max(0, at - 1), at) + expr.slice(at);
  }

  /** Puts an expression where its type does not fit. */
  #misuse(expr: string): string {
    return this.#fill(
      this.#pick(misuses).replace("@", () => `(${expr})`),
      1,
    );
  }
}

const types = [
  "int",
  "bool",
  "bool",
  "bool",
  "string",
  "double",
  "uint",
  "ints",
  "strings",
  "map",
  "dyn",
  "time",
  "span",
  "bytes",
  "opt",
];

const leaves: Readonly<Record<string, readonly string[]>> = {
  int: [
    "0",
    "1",
    "-3",
    "42",
    "9223372036854775807",
    "self.replicas",
    "self.max",
    "self.nested.a",
    "self.limits.cpu",
    "size(self.tags)",
  ],
  uint: ["0u", "7u", "18446744073709551615u"],
  double: ["0.5", "-1.5", "1e10", "self.ratio", "3.0"],
  bool: ["true", "false", "self.on", "has(self.name)", "has(self.nested.b.c)", "has(object.spec.foo)"],
  string: [
    "'a'",
    "''",
    "'héllo 😀'",
    "self.name",
    "self.long",
    "self.mode",
    "self.nested.b.c",
    "self.labels.app",
    "'10.0.0.1'",
    "'1.2.3'",
  ],
  bytes: ["b'ab'", "b''", "self.data"],
  ints: ["[1, 2, 3]", "[]", "self.nums", "[self.replicas, 2]", "self.matrix[0]"],
  strings: ["['a', 'b']", "self.tags", "self.set", "self.set2", "[self.name]"],
  map: ["self.labels", "{'a': 'b'}", "{}", "{'app': self.name}"],
  dyn: [
    "object.spec.replicas",
    "object.metadata.name",
    "object.spec",
    "object.spec.containers",
    "object.nope",
    "dyn(1)",
    "dyn('a')",
    "self.port",
    "object.metadata.labels",
    "object.spec.ratio",
  ],
  time: ["self.when", "timestamp('2024-02-29T23:59:59Z')", "self.day"],
  span: ["self.wait", "duration('90s')", "duration('-1.5h')"],
  opt: ["optional.of(1)", "optional.none()", "self.?max", "self.?nothing", "self.labels[?'app']"],
};

const templates: Readonly<Record<string, readonly string[]>> = {
  int: [
    "<int> + <int>",
    "<int> - <int>",
    "<int> * <int>",
    "<int> / <int>",
    "<int> % <int>",
    "-(<int>)",
    "size(<string>)",
    "<strings>.size()",
    "<bool> ? <int> : <int>",
    "<ints>[<int>]",
    "<ints>.sum()",
    "<ints>.max()",
    "<ints>.min()",
    "<strings>.indexOf(<string>)",
    "<string>.indexOf(<string>)",
    "<string>.lastIndexOf(<string>)",
    "int(<double>)",
    "int(<string>)",
    "int(<uint>)",
    "<time>.getHours()",
    "<time>.getMonth('Europe/Berlin')",
    "<span>.getMinutes()",
    "self.limits[<string>]",
    "<opt>.orValue(<int>)",
    "int(<time>)",
    "<map>.size()",
    "quantity('5').compareTo(quantity('5k'))",
  ],
  uint: ["<uint> + <uint>", "<uint> * <uint>", "uint(<int>)", "<uint> - <uint>", "uint(<double>)"],
  double: [
    "<double> + <double>",
    "<double> * <double>",
    "<double> / <double>",
    "double(<int>)",
    "double(<string>)",
    "<bool> ? <double> : <double>",
  ],
  bool: [
    "<bool> && <bool>",
    "<bool> || <bool>",
    "!<bool>",
    "!(<bool>)",
    "<int> < <int>",
    "<int> >= <double>",
    "<double> <= <uint>",
    "<int> == <int>",
    "<string> != <string>",
    "<string> < <string>",
    "<string>.startsWith(<string>)",
    "<string>.endsWith(<string>)",
    "<string>.contains(<string>)",
    "<string>.matches('^[a-h]+$')",
    "<string>.matches(<string>)",
    "<string> in <strings>",
    "<int> in <ints>",
    "<int> in [1, 2, 3]",
    "<string> in <map>",
    "<strings>.all({{string|<bool>}})",
    "<strings>.exists({{string|<bool>}})",
    "<ints>.exists_one({{int|<bool>}})",
    "<ints>.all({{int|<bool>}})",
    "<map>.all({{string|<bool>}})",
    "<strings> == <strings>",
    "<ints> == <ints>",
    "<map> == <map>",
    "<dyn> == <dyn>",
    "<dyn> > <int>",
    "<dyn> == <string>",
    "<time> < <time>",
    "<span> == <span>",
    "<bool> ? <bool> : <bool>",
    "has(self.name) && <bool>",
    "<ints>.isSorted()",
    "sets.contains(<ints>, <ints>)",
    "sets.intersects(<strings>, <strings>)",
    "isQuantity(<string>)",
    "isIP(<string>)",
    "isURL(<string>)",
    "isSemver(<string>)",
    "<opt>.hasValue()",
    "type(<dyn>) == int",
    "<bytes> == <bytes>",
    "ip('10.0.0.1') == ip('10.0.0.1')",
    "self.ports.all({{port|<bool>}})",
    "self.ports == self.ports2",
    "self.nested == self.nested",
    "quantity('1Gi').isGreaterThan(quantity('1G'))",
    "cidr('10.0.0.0/8').containsIP(<string>)",
    "format.dns1123Label().validate(<string>).hasValue()",
    "<uint> == <int>",
    "[<int>, <int>] == <ints>",
    "<dyn>.exists({{dyn|<bool>}})",
    "bool(<string>)",
  ],
  string: [
    "<string> + <string>",
    "string(<int>)",
    "string(<double>)",
    "string(<bool>)",
    "string(<time>)",
    "string(<span>)",
    "<strings>[<int>]",
    "<string>.upperAscii()",
    "<string>.trim()",
    "<string>.substring(<int>)",
    "<string>.charAt(<int>)",
    "<string>.replace(<string>, <string>)",
    "<strings>.join(',')",
    "<bool> ? <string> : <string>",
    "self.labels[<string>]",
    "<map>[<string>]",
    "<string>.find('[a-z]+')",
    "'%s-%d'.format([<string>, <int>])",
    "string(<bytes>)",
    "<string>.lowerAscii()",
    "'%s'.format([<ints>])",
    "'%.2f'.format([<double>])",
  ],
  bytes: ["bytes(<string>)", "<bytes> + <bytes>"],
  ints: [
    "<ints> + <ints>",
    "<ints>.map({{int|<int>}})",
    "<ints>.filter({{int|<bool>}})",
    "<strings>.map({{string|<int>}})",
    "[<int>, <int>]",
    "<bool> ? <ints> : <ints>",
    "<ints>.slice(0, 1)",
    "<ints>.sort()",
    "<ints>.distinct()",
    "<ints>.reverse()",
    "lists.range(3)",
    "self.matrix.flatten()",
    "<ints>.sortBy({{int|<int>}})",
    "<ints>.map({{int|<bool>, <int>}})",
  ],
  strings: [
    "<strings> + <strings>",
    "<strings>.map({{string|<string>}})",
    "<strings>.filter({{string|<bool>}})",
    "<string>.split(',')",
    "<string>.split('')",
    "[<string>, <string>]",
    "<map>.map({{string|<string>}})",
    "<string>.findAll('[a-z]')",
    "<strings>.sort()",
    "self.set + <strings>",
  ],
  map: [
    "{<string>: <string>}",
    "<bool> ? <map> : <map>",
    "{'a': <string>, 'b': <string>}",
    "{?'a': optional.of(<string>)}",
  ],
  dyn: [
    "object.spec.containers[<int>]",
    "object.metadata.labels[<string>]",
    "dyn(<int>) + <dyn>",
    "<dyn> + <dyn>",
    "object.spec.containers.map({{dyn|<dyn>}})",
    "object.?spec.?foo.orValue(<dyn>)",
    "object[<string>]",
    "<bool> ? <dyn> : <dyn>",
    "dyn(<strings>)",
    "<dyn>.name",
    "<dyn>.size()",
  ],
  time: ["<time> + <span>", "<time> - <span>", "timestamp(<string>)", "timestamp(<int>)"],
  span: ["<span> + <span>", "<time> - <time>", "duration(<string>)", "-<span>"],
  opt: [
    "optional.of(<int>)",
    "<opt>.or(<opt>)",
    "<opt>.optMap({{int|<int>}})",
    "<bool> ? <opt> : <opt>",
    "optional.ofNonZeroValue(<int>)",
    "<ints>.first()",
    "<ints>[?<int>]",
  ],
};

const misuses: readonly string[] = [
  "@ + <string>",
  "@ < <bool>",
  "@.foo",
  "@[0]",
  "@.all(x, x)",
  "!@",
  "size(@)",
  "@.nope()",
  "[@, <string>, 1]",
  "{@: 1, 'a': <string>}",
  "@ in @",
  "@ == <dyn>",
  "has(@.x)",
  "-@",
  "@ ? 1 : 2",
  "@.?x",
  "string(@)",
  "@.map(@, 1)",
  "nope(@)",
  "@ && @",
];
