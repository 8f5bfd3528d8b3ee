import { newUnauthorized } from "../../apimachinery/status.ts";
import type { Auditor } from "../audit/auditor.ts";
import type {
  AuthenticatedUser,
  AuthenticationRequest,
  Authenticator,
} from "../authentication/authenticator.ts";
import type { ApiRequest, Filter, Handler, RequestState } from "../endpoints/api-request.ts";
import type { UserInfo } from "../request-context.ts";

/** Finds out who asks. A request that no authenticator knows is refused with 401. */
export function authentication(authenticator: Authenticator, auditor?: Auditor): Filter {
  const refuse = (state: RequestState, error: unknown): never => {
    const record = auditor?.refused(state);
    if (record !== undefined) state.audit = record;
    throw error;
  };
  const wait: (state: RequestState, user: Promise<UserInfo>, next: Handler) => ReturnType<Handler> = async (
    state,
    user,
    next,
  ) => {
    try {
      state.user = await user;
    } catch (error) {
      refuse(state, error);
    }
    return next(state);
  };
  return (state, next) => {
    try {
      const user = identify(authenticator, state.request);
      if (user instanceof Promise) return wait(state, user, next);
      state.user = user;
    } catch (error) {
      refuse(state, error);
    }
    return next(state);
  };
}

function identify(authenticator: Authenticator, request: ApiRequest): UserInfo | Promise<UserInfo> {
  const { credentials } = request;
  if (isUser(credentials)) return credentials;
  const found = authenticator.authenticate(credentials);
  return found instanceof Promise ? found.then((user) => userOf(request, user)) : userOf(request, found);
}

function userOf(request: ApiRequest, found: AuthenticatedUser | undefined): UserInfo {
  if (found === undefined) throw newUnauthorized();
  // Who shows a certificate that is not ours wants to be someone: being taken for nobody would hide the mistake.
  if (request.hasForeignCertificate === true && found.user.name === "system:anonymous")
    throw newUnauthorized();
  return found.user;
}

function isUser(credentials: AuthenticationRequest | UserInfo): credentials is UserInfo {
  return "groups" in credentials;
}
