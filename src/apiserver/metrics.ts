/** A small registry of metrics in the Prometheus text form: no client library is loaded on the way to ready. */
type Labels = Readonly<Record<string, string>>;

interface Metric {
  /** Lines in the exposition format, HELP and TYPE included. */
  lines(): string[];
}

const formatLabels = (labels: Labels): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
};

const escape = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');

/** A number per set of labels that only grows. */
export class Counter implements Metric {
  readonly #name: string;
  readonly #help: string;
  readonly #values = new Map<string, number>();

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  add(labels: Labels, amount = 1): void {
    const key = formatLabels(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount);
  }

  lines(): string[] {
    const values = [...this.#values].map(([labels, value]) => `${this.#name}${labels} ${value}`);
    return [`# HELP ${this.#name} ${this.#help}`, `# TYPE ${this.#name} counter`, ...values];
  }
}

const bucketBounds = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

interface Series {
  readonly labels: Labels;
  /** How many observations fell into each bucket alone; one more than bounds, for the rest. */
  readonly counts: number[];
  sum: number;
}

/** How often values of a size were seen, per set of labels. */
export class Histogram implements Metric {
  readonly #name: string;
  readonly #help: string;
  readonly #series = new Map<string, Series>();

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  observe(labels: Labels, value: number): void {
    const key = formatLabels(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, counts: Array.from({ length: bucketBounds.length + 1 }, () => 0), sum: 0 };
      this.#series.set(key, series);
    }
    const found = bucketBounds.findIndex((bound) => value <= bound);
    const bucket = found < 0 ? bucketBounds.length : found;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += value;
  }

  lines(): string[] {
    const lines = [`# HELP ${this.#name} ${this.#help}`, `# TYPE ${this.#name} histogram`];
    for (const { labels, counts, sum } of this.#series.values()) {
      let total = 0;
      for (const [index, count] of counts.entries()) {
        total += count;
        const le = String(bucketBounds[index] ?? "+Inf");
        lines.push(`${this.#name}_bucket${formatLabels({ ...labels, le })} ${total}`);
      }
      lines.push(`${this.#name}_sum${formatLabels(labels)} ${sum}`);
      lines.push(`${this.#name}_count${formatLabels(labels)} ${total}`);
    }
    return lines;
  }
}

/** What the API server measures of itself. Names are those of kube-apiserver, so that dashboards work. */
export class ServerMetrics {
  readonly requests = new Counter(
    "apiserver_request_total",
    "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.",
  );
  readonly durations = new Histogram(
    "apiserver_request_duration_seconds",
    "Response latency distribution in seconds for each verb, group, version, resource, subresource and scope.",
  );
  readonly #more: Metric[] = [];

  /** Adds a metric of another part of the server. */
  register(metric: Metric): void {
    this.#more.push(metric);
  }

  text(): string {
    return `${[this.requests, this.durations, ...this.#more].flatMap((metric) => metric.lines()).join("\n")}\n`;
  }
}
