import type { AggregatedVersion, FetchedDocument, FetchOptions, RemoteApiServer } from "../../aggregation.ts";

type Answer = Partial<Omit<FetchedDocument, "body">> & { readonly body?: unknown };

/** Another API server that answers from a table of its paths, and 404 to all else; an error is no answer at all. */
export class FakeRemote implements RemoteApiServer {
  readonly group = "wardle.example.com";
  readonly version: string;
  service = "wardle/sample-api:443";
  isAvailable = true;
  answers: Record<string, Answer | Error | (() => Promise<Answer>)> = {};
  /** `PATH if-none-match`. */
  readonly asked: string[] = [];
  readonly headers: Record<string, string>[] = [];

  constructor(version = "v1alpha1") {
    this.version = version;
  }

  get name(): string {
    return `${this.version}.${this.group}`;
  }

  get served(): AggregatedVersion {
    const { group, version } = this;
    return { group, version, groupPriorityMinimum: 1000, versionPriority: 15, remote: this };
  }

  async fetch(path: string, { headers = {} }: FetchOptions): Promise<FetchedDocument> {
    this.asked.push(headers["if-none-match"] === undefined ? path : `${path} ${headers["if-none-match"]}`);
    this.headers.push({ ...headers });
    const answer = this.answers[path] ?? { status: 404 };
    if (answer instanceof Error) throw answer;
    const {
      status = 200,
      headers: given = {},
      body = "",
    } = typeof answer === "function" ? await answer() : answer;
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return { status, headers: given, body: Buffer.from(text) };
  }
}
