import { newBadRequest, newInternalError } from "../../apimachinery/status.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization/authorizer.ts";
import type { ApiRequest, Filter, RequestState } from "../endpoints/api-request.ts";
import type { UserInfo } from "../request-context.ts";
import { attributesOf } from "./authorization.ts";
import { type Impersonated, type ImpersonationMode, impersonationModes } from "./impersonation-modes.ts";

/**
 * Lets who may do so act as another. The ways to be allowed are tried from the narrowest to the widest, after the one that did last; when none
 * allows it, the first refusal is the answer (mirrors k8s.io/apiserver/pkg/endpoints/filters/impersonation).
 */
export function impersonation(authorizer: Authorizer): Filter {
  const modes = impersonationModes(authorizer);
  const last: LastModes = new Map();
  const impersonating: Filter = async (state, next) => {
    const found = await impersonatedBy(modes, last, state).catch((error: unknown) => {
      state.isForbidden = true;
      throw error;
    });
    if (found !== undefined) {
      state.user = found.user;
      state.audit?.impersonate(found.user, found.constraint);
    }
    return next(state);
  };
  return (state, next) => (asksToImpersonate(state.request) ? impersonating(state, next) : next(state));
}

/** Undefined where the headers ask for nobody. */
async function impersonatedBy(
  modes: readonly ImpersonationMode[],
  last: LastModes,
  state: RequestState,
): Promise<Impersonated | undefined> {
  const wanted = impersonated(state.request);
  return wanted === undefined ? undefined : allowed(modes, last, wanted, attributesOf(state));
}

/**
 * By which way each user was allowed last, by a hash of their name: it is tried first, since most go the same way each
 * time. Two of one hash do no harm.
 */
type LastModes = Map<number, ImpersonationMode>;

const maxRemembered = 10_000;

function hashOf(name: string): number {
  let hash = 0;
  for (let index = 0; index < name.length; index++) hash = (hash * 31 + name.charCodeAt(index)) | 0;
  return hash;
}

async function allowed(
  modes: readonly ImpersonationMode[],
  last: LastModes,
  wanted: UserInfo,
  request: AuthorizationAttributes,
): Promise<Impersonated> {
  const key = hashOf(request.user.name);
  const likely = last.get(key);
  const inTurn = likely === undefined ? modes : [likely, ...modes.filter((mode) => mode !== likely)];
  let refused: unknown;
  for (const mode of inTurn) {
    try {
      const found = await mode(wanted, request);
      if (found === undefined) continue;
      if (mode !== likely) {
        if (last.size >= maxRemembered) last.clear();
        last.set(key, mode);
      }
      return found;
    } catch (error) {
      refused ??= error;
    }
  }
  throw refused ?? newInternalError("all impersonation modes failed");
}

const extraPrefix = "impersonate-extra-";

const asksToImpersonate = (request: ApiRequest): boolean =>
  request.headerNames().some((header) => header.startsWith("impersonate-"));

/** Who the headers ask to be, as they say it; undefined when they ask for nobody. */
function impersonated(request: ApiRequest): UserInfo | undefined {
  // Of a header that is there for one value, the first line counts.
  const [name = ""] = valuesOf(request, "impersonate-user");
  const [uid = ""] = valuesOf(request, "impersonate-uid");
  const groups = valuesOf(request, "impersonate-group");
  const extra = extraOf(request);
  if (name !== "") return { name, uid, groups, extra };
  if (groups.length === 0 && uid === "" && Object.keys(extra).length === 0) return undefined;
  throw newBadRequest(`requested ${goText({ name, uid, groups, extra })} without impersonating a user name`);
}

/** `Impersonate-Extra-Scopes: a` → { scopes: ["a"] }; keys are lower case and may be escaped as in a URL. */
function extraOf(request: ApiRequest): Record<string, readonly string[]> {
  const extra = new Map<string, readonly string[]>();
  for (const header of request.headerNames()) {
    if (!header.startsWith(extraPrefix)) continue;
    const key = unescape(header.slice(extraPrefix.length));
    extra.set(key, [...(extra.get(key) ?? []), ...valuesOf(request, header)]);
  }
  return Object.fromEntries(extra);
}

function unescape(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/** Each line of the header is one value: names of groups may hold commas. */
function valuesOf(request: ApiRequest, name: string): readonly string[] {
  const joined = request.header(name);
  if (joined === undefined) return [];
  return request.headerValues?.(name) ?? joined.split(",").map((value) => value.trim());
}

/** A user as Go prints it with %#v. */
function goText({ name, uid, groups, extra }: UserInfo): string {
  const list = (values: readonly string[]): string =>
    `{${values.map((value) => JSON.stringify(value)).join(", ")}}`;
  const shownGroups = groups.length === 0 ? "[]string(nil)" : `[]string${list(groups)}`;
  const entries = Object.entries(extra)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, values]) => `${JSON.stringify(key)}:[]string${list(values)}`);
  const shownExtra =
    entries.length === 0 ? "map[string][]string(nil)" : `map[string][]string{${entries.join(", ")}}`;
  return `&user.DefaultInfo{Name:${JSON.stringify(name)}, UID:${JSON.stringify(uid)}, Groups:${shownGroups}, Extra:${shownExtra}}`;
}
