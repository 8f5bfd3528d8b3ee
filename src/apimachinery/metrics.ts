/**
 * Metrics in the Prometheus text form 0.0.4, without a client library on the way to ready. A series is looked up once by
 * who counts and then is a field that is added to: counting costs what an addition costs.
 */
export interface Metric {
  /**
   * Lines in the exposition format, HELP and TYPE included; none when there is nothing to show. A cluster that has seen
   * much has a hundred thousand of them: whoever asks may rest between two.
   */
  shown(): Iterable<string>;
  /** All of them. */
  lines(): string[];
}

/**
 * Where the parts of a process hand in what they measure, so that one page shows it all. A part that is given none does
 * not measure.
 */
export interface MetricRegistry {
  register(metric: Metric): void;
}

export interface MetricFacts {
  readonly name: string;
  readonly help: string;
  /** In the order in which `with` takes their values. */
  readonly labels?: readonly string[];
}

/** A number that is counted up, or set. */
export class Value {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }
}

/** Series of one metric by the values of its labels. */
abstract class Vector<T> implements Metric {
  protected readonly facts: MetricFacts;
  readonly #type: string;
  /** By the values of the labels; a cluster has thousands of series, which are looked at by few. */
  readonly #series = new Map<string, T>();

  constructor(type: string, facts: MetricFacts) {
    this.#type = type;
    this.facts = facts;
  }

  /** The series of these values, in the order of the labels; made when first asked for. */
  with(...values: string[]): T {
    const key = values.join("\0");
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.create();
      this.#series.set(key, series);
    }
    return series;
  }

  /** Forgets a series: what it counted is no more. */
  forget(...values: string[]): void {
    this.#series.delete(values.join("\0"));
  }

  lines(): string[] {
    return [...this.shown()];
  }

  *shown(): Generator<string> {
    if (this.#series.size === 0) return;
    const { name, help } = this.facts;
    yield `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`;
    yield `# TYPE ${name} ${this.#type}`;
    for (const [values, series] of this.#series) {
      const lines: string[] = [];
      this.show(lines, name, this.#labelText(values), series);
      yield* lines;
    }
  }

  /** In the order of the labels' names. Made once for each series that is shown: a histogram has two dozen lines of it. */
  #labelText(values: string): string {
    const { labels = [] } = this.facts;
    if (labels.length === 0) return "";
    const pairs = values.split("\0").map((value, index) => [labels[index] ?? "", value] as const);
    const sorted = pairs.toSorted(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([name, value]) => `${name}="${escape(value)}"`).join(",");
  }

  protected abstract create(): T;
  /** Adds the lines of one series; `labels` is their text, without braces. */
  protected abstract show(lines: string[], name: string, labels: string, series: T): void;
}

/** Numbers that only grow. */
export class Counter extends Vector<Value> {
  constructor(facts: MetricFacts) {
    super("counter", facts);
  }

  protected create(): Value {
    return new Value();
  }

  protected show(lines: string[], name: string, labels: string, { value }: Value): void {
    lines.push(`${name}${braced(labels)} ${formatNumber(value)}`);
  }
}

/** Numbers that go up and down. */
export class Gauge extends Vector<Value> {
  constructor(facts: MetricFacts) {
    super("gauge", facts);
  }

  protected create(): Value {
    return new Value();
  }

  protected show(lines: string[], name: string, labels: string, { value }: Value): void {
    lines.push(`${name}${braced(labels)} ${formatNumber(value)}`);
  }
}

/** Numbers that are found out when somebody asks: each entry is the values of the labels, then the number. */
export class Computed implements Metric {
  readonly #type: "gauge" | "counter";
  readonly #facts: MetricFacts;
  readonly #read: () => Iterable<readonly [readonly string[], number]>;

  constructor(
    type: "gauge" | "counter",
    facts: MetricFacts,
    read: () => Iterable<readonly [readonly string[], number]>,
  ) {
    this.#type = type;
    this.#facts = facts;
    this.#read = read;
  }

  lines(): string[] {
    return [...this.shown()];
  }

  shown(): Iterable<string> {
    const vector = this.#type === "gauge" ? new Gauge(this.#facts) : new Counter(this.#facts);
    for (const [labels, value] of this.#read()) vector.with(...labels).set(value);
    return vector.shown();
  }
}

export interface HistogramFacts extends MetricFacts {
  /** Upper bounds, ascending; what is beyond the last counts for "+Inf". */
  readonly buckets: readonly number[];
}

/** So many upper bounds, each the one before times the factor. */
export function exponentialBuckets(start: number, factor: number, count: number): number[] {
  const bounds: number[] = [];
  for (let bound = start; bounds.length < count; bound *= factor) bounds.push(bound);
  return bounds;
}

/** How often values of a size were seen. */
export class Distribution {
  readonly #bounds: readonly number[];
  /** Undefined until something is seen: what lasts, as a watch does, is in series that see nothing. */
  #counts: number[] | undefined;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  /** Of each bucket alone; one more than bounds, for the rest. */
  get counts(): readonly number[] {
    return this.#counts ?? this.#zeros();
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++;
    const counts = (this.#counts ??= this.#zeros());
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.sum += value;
  }

  #zeros(): number[] {
    return [0, ...this.#bounds].fill(0);
  }
}

export class Histogram extends Vector<Distribution> {
  readonly #bounds: readonly number[];
  #boundTexts: readonly string[] | undefined;

  constructor(facts: HistogramFacts) {
    super("histogram", facts);
    this.#bounds = facts.buckets;
  }

  protected create(): Distribution {
    return new Distribution(this.#bounds);
  }

  protected show(lines: string[], name: string, labels: string, { counts, sum }: Distribution): void {
    const before = `${name}_bucket{${labels}${labels === "" ? "" : ","}le="`;
    const texts = (this.#boundTexts ??= this.#bounds.map(formatNumber));
    let total = 0;
    for (const [index, count] of counts.entries()) {
      total += count;
      lines.push(`${before}${texts[index] ?? "+Inf"}"} ${formatNumber(total)}`);
    }
    lines.push(`${name}_sum${braced(labels)} ${formatNumber(sum)}`);
    lines.push(`${name}_count${braced(labels)} ${formatNumber(total)}`);
  }
}

const braced = (labels: string): string => (labels === "" ? "" : `{${labels}}`);

const special = /[\\\n"]/;

const escape = (value: string): string =>
  special.test(value) ? value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"') : value;

/** As Prometheus' own library writes numbers: with an exponent of two digits from a million on. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e6)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}
