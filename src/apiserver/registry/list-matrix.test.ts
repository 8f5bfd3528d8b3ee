import { beforeAll, describe, expect, test } from "vitest";
import { StatusError } from "../../apimachinery/status.ts";
import { TestApi } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { encodeContinue } from "./continue-token.ts";

/**
 * Every combination of what a list may ask for, against rules written down here once more, in the order in which
 * Kubernetes applies them: the validation of options, the continuation, the revision, then what is read.
 *
 * The past: a, b, c, d are created at 1 to 4, a goes at 5, e comes at 6; what was before 4 is compacted.
 */
const configMaps = "/api/v1/namespaces/default/configmaps";
const tooOld = "The resourceVersion for the provided list is too old.";
const tokens = {
  none: "",
  fresh: encodeContinue({ revision: 5, start: "default/b" }),
  newest: encodeContinue({ revision: -1, start: "default/b" }),
  expired: encodeContinue({ revision: 2, start: "default/a" }),
  foreign: "c3RyaW5n",
};
const states: Record<string, string> = { "4": "abcd", "5": "bcd", "6": "bcde" };

let server: TestServer;
let api: TestApi;

beforeAll(async () => {
  server = await startTestServer();
  api = new TestApi(server.transport);
  for (const name of "abcd") await api.post(configMaps, { metadata: { name } });
  await api.delete(`${configMaps}/a`);
  await api.post(configMaps, { metadata: { name: "e" } });
  await server.storage.compact(4);
});

interface Query {
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly limit: string;
  readonly token: keyof typeof tokens;
}

interface Answer {
  readonly code: number;
  /** Of an error: how its message begins. Of a list: its items and its revision. */
  readonly says: string;
  readonly continues?: boolean;
}

/** What is to come of it. */
function expected({ resourceVersion: rv, resourceVersionMatch: match, limit, token }: Query): Answer {
  const invalid = invalidOptions(rv, match, token);
  if (invalid !== undefined) return { code: 422, says: `ListOptions.meta.k8s.io "" is invalid: ${invalid}` };
  if (token !== "none") return continued(rv, limit, token);
  if (rv === "x") {
    const why = 'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax';
    return { code: 400, says: `invalid resource version: ${why}` };
  }
  if (rv === "" || rv === "0") return page("6", "", rv === "0" ? "0" : limit);
  const isExact = match === "Exact" || (match === "" && limit !== "0");
  if (!isExact) return page("6", "", limit);
  return Number(rv) < 4 ? { code: 410, says: tooOld } : page(rv, "", limit);
}

function invalidOptions(rv: string, match: string, token: Query["token"]): string | undefined {
  if (match === "") return undefined;
  const field = "resourceVersionMatch";
  const errors: string[] = [];
  if (rv === "") errors.push(`${field}: Forbidden: ${field} is forbidden unless resourceVersion is provided`);
  if (token !== "none") errors.push(`${field}: Forbidden: ${field} is forbidden when continue is provided`);
  if (match === "Newest") {
    errors.push(`${field}: Unsupported value: "Newest": supported values: "Exact", "NotOlderThan", ""`);
  }
  if (match === "Exact" && rv === "0")
    errors.push(`${field}: Forbidden: ${field} "exact" is forbidden for resourceVersion "0"`);
  if (errors.length === 0) return undefined;
  return errors.length === 1 ? errors[0] : `[${errors.join(", ")}]`;
}

function continued(rv: string, limit: string, token: Query["token"]): Answer {
  if (token === "foreign") {
    return { code: 400, says: "invalid continue token: continue key is not valid: invalid character 's'" };
  }
  if (rv !== "" && rv !== "0") {
    return { code: 400, says: "specifying resource version is not allowed when using continue" };
  }
  if (token === "expired") {
    return {
      code: 410,
      says: "The provided continue parameter is too old to display a consistent list result.",
    };
  }
  return page(token === "newest" ? "6" : "5", "b", limit);
}

function page(revision: string, after: string, limit: string): Answer {
  const left = Array.from(states[revision] ?? "").filter((name) => name > after);
  const items = limit === "0" ? left : left.slice(0, Number(limit));
  return { code: 200, says: `${items.join("")}@${revision}`, continues: items.length < left.length };
}

async function ask({ token, ...query }: Query): Promise<Answer> {
  try {
    const asked = Object.entries({ ...query, continue: tokens[token] }).filter(([, value]) => value !== "");
    const { items, metadata } = await api.list(configMaps, Object.fromEntries(asked));
    const names = items.map((item) => item.metadata.name).join("");
    const continues = metadata.continue !== undefined;
    return { code: 200, says: `${names}@${metadata.resourceVersion}`, continues };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { code: error.code, says: error.status.message ?? "" };
  }
}

const queries: Query[] = [];
for (const resourceVersion of ["", "0", "2", "4", "5", "6", "x"])
  for (const resourceVersionMatch of ["", "Exact", "NotOlderThan", "Newest"])
    for (const limit of ["0", "2"])
      for (const token of Object.keys(tokens) as Query["token"][])
        queries.push({ resourceVersion, resourceVersionMatch, limit, token });

describe("a list", () => {
  test.each(queries)(
    "of resourceVersion=$resourceVersion $resourceVersionMatch limit=$limit continue=$token",
    async (query) => {
      const { says, ...answer } = await ask(query);
      const { says: begins, ...rest } = expected(query);
      expect(answer).toEqual(rest);
      expect(says.slice(0, begins.length)).toBe(begins);
    },
  );

  test("whose continuation is too old goes on at the newest state with the token it gets", async () => {
    const failure = await api
      .list(configMaps, { continue: tokens.expired })
      .catch((error: unknown) => error as StatusError);
    const token = (failure as StatusError).status.metadata.continue ?? "";
    const { items, metadata } = await api.list(configMaps, { continue: token, limit: "2" });
    expect(items.map((item) => item.metadata.name)).toEqual(["b", "c"]);
    expect(metadata).toMatchObject({ resourceVersion: "6", remainingItemCount: 2 });
  });

  test.each([
    ["18446744073709551616", 400],
    ["-1", 400],
    ["1.5", 400],
  ])("of resourceVersion %s is %d", async (resourceVersion, code) => {
    const query = { resourceVersion, resourceVersionMatch: "", limit: "0", token: "none" } as const;
    expect((await ask(query)).code).toBe(code);
  });
});
