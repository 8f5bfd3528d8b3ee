import { page, pause } from "./sampan.ts";

/** Requests at a steady rate, each over its own connection, until it is stopped. */
export class Load {
  readonly failures: string[] = [];
  /** Title of a page (its body where it has none) → how often it came. */
  readonly titles = new Map<string, number>();
  readonly #workers: Promise<void>[];
  #stopped = false;

  constructor(urls: readonly string[], workersPerUrl: number) {
    this.#workers = urls.flatMap((url) => Array.from({ length: workersPerUrl }, () => this.#work(url)));
  }

  get pages(): number {
    return [...this.titles.values()].reduce((sum, count) => sum + count, 0);
  }

  async #work(url: string): Promise<void> {
    while (!this.#stopped) {
      try {
        const body = await page(url);
        const title = /<h1>(.*?)<\/h1>/.exec(body)?.[1] ?? body;
        this.titles.set(title, (this.titles.get(title) ?? 0) + 1);
      } catch (error) {
        const cause = error instanceof Error ? error.cause : undefined;
        this.failures.push(`${new Date().toISOString()} ${url}: ${String(error)} ${String(cause)}`);
      }
      await pause(10);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }
}
