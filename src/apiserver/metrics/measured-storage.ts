import type { Clock } from "../../apimachinery/clock.ts";
import {
  Counter,
  type Distribution,
  Histogram,
  type Metric,
  type Value,
} from "../../apimachinery/metrics.ts";
import type {
  Compare,
  KeyValue,
  ListOptions,
  ListResult,
  Operation,
  Storage,
  StorageEvent,
  TxnResult,
} from "../../storage/storage.ts";
import { parseKey } from "../cache/storage-key.ts";

const labels = ["operation", "group", "resource"];
const ofLists = ["group", "resource"];

interface Series {
  readonly total: Value;
  readonly durations: Distribution;
}

/** A store that counts what it is asked and how long it takes, by the names that kube-apiserver has for its etcd. */
export class MeasuredStorage implements Storage {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #totals = new Counter({
    name: "etcd_requests_total",
    help: "What the store was asked for, by resource.",
    labels,
  });
  readonly #durations = new Histogram({
    name: "etcd_request_duration_seconds",
    help: "Time until the store answered.",
    labels,
    buckets: [
      0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
    ],
  });
  readonly #errors = new Counter({
    name: "etcd_request_errors_total",
    help: "What the store failed to answer.",
    labels,
  });
  readonly #lists = new Counter({
    name: "apiserver_storage_list_total",
    help: "Lists that were read from the store.",
    labels: ofLists,
  });
  readonly #fetched = new Counter({
    name: "apiserver_storage_list_fetched_objects_total",
    help: "Objects that were read from the store for lists.",
    labels: ofLists,
  });
  readonly #evaluated = new Counter({
    name: "apiserver_storage_list_evaluated_objects_total",
    help: "Objects that were held against what was asked for, of lists read from the store.",
    labels: ofLists,
  });
  readonly #returned = new Counter({
    name: "apiserver_storage_list_returned_objects_total",
    help: "Objects in lists that were read from the store.",
    labels: ofLists,
  });
  /** By operation and the key up to the resource: there are as many as resources. */
  readonly #series = new Map<string, Series>();

  constructor(storage: Storage, clock: Clock, register: (metric: Metric) => void) {
    this.#storage = storage;
    this.#clock = clock;
    const ofStore = [this.#totals, this.#durations, this.#errors];
    const lists = [this.#lists, this.#fetched, this.#evaluated, this.#returned];
    for (const metric of [...ofStore, ...lists]) register(metric);
    if (storage.isStale !== undefined) {
      this.isStale = async (key) => (await storage.isStale?.(key)) ?? false;
    }
  }

  readonly isStale?: (key: string) => Promise<boolean>;

  get(key: string, options?: { readonly revision?: number }): Promise<KeyValue | undefined> {
    return this.#measure("get", key, this.#storage.get(key, options));
  }

  list(prefix: string, options?: ListOptions): Promise<ListResult> {
    const answer = this.#measure("list", prefix, this.#storage.list(prefix, options));
    const resource = partsOf(prefix);
    this.#lists.with(...resource).add();
    // Selectors are looked at behind the store: it is asked for what it gives.
    const count = ({ items }: ListResult): void => {
      for (const metric of [this.#fetched, this.#evaluated, this.#returned]) {
        metric.with(...resource).value += items.length;
      }
    };
    answer.then(count, () => undefined);
    return answer;
  }

  txn(compare: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult> {
    const [operation] = operations;
    const answer = this.#storage.txn(compare, operations);
    return operation === undefined
      ? answer
      : this.#measure(nameOf(operation, compare), operation.key, answer);
  }

  watch(prefix: string, afterRevision: number, signal?: AbortSignal): AsyncIterable<readonly StorageEvent[]> {
    return this.#storage.watch(prefix, afterRevision, signal);
  }

  revision(): Promise<number> {
    return this.#storage.revision();
  }

  compactedRevision(): Promise<number> {
    return this.#storage.compactedRevision();
  }

  compact(revision: number): Promise<void> {
    return this.#storage.compact(revision);
  }

  close(): Promise<void> {
    return this.#storage.close();
  }

  #measure<T>(operation: string, key: string, answer: Promise<T>): Promise<T> {
    const startMs = this.#clock.now();
    const series = this.#seriesOf(operation, key);
    series.total.value++;
    answer.then(
      () => series.durations.observe((this.#clock.now() - startMs) / 1000),
      () => this.#errors.with(operation, ...partsOf(key)).add(),
    );
    return answer;
  }

  #seriesOf(operation: string, key: string): Series {
    const known = `${operation}${resourcePart(key)}`;
    let series = this.#series.get(known);
    if (series === undefined) {
      const values = [operation, ...partsOf(key)];
      series = { total: this.#totals.with(...values), durations: this.#durations.with(...values) };
      this.#series.set(known, series);
    }
    return series;
  }
}

function nameOf(operation: Operation, compare: readonly Compare[]): string {
  if (operation.type === "delete") return "delete";
  return compare.some(({ key, modRevision }) => key === operation.key && modRevision === 0)
    ? "create"
    : "update";
}

/** `/registry/apps/deployments/` of any key below it. */
function resourcePart(key: string): string {
  const group = key.indexOf("/", 1);
  const resource = key.indexOf("/", group + 1);
  const end = key.indexOf("/", resource + 1);
  return end < 0 ? key : key.slice(0, end);
}

function partsOf(key: string): [group: string, resource: string] {
  const parsed = parseKey(key.endsWith("/") ? `${resourcePart(key)}/-` : key);
  return [parsed?.group ?? "", parsed?.resource ?? ""];
}
