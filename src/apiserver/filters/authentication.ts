import { newUnauthorized } from "../../apimachinery/status.ts";
import type { Auditor } from "../audit/auditor.ts";
import type { AuthenticationRequest, Authenticator } from "../authentication/authenticator.ts";
import type { ApiRequest, Filter } from "../endpoints/api-request.ts";
import type { UserInfo } from "../request-context.ts";

/** Finds out who asks. A request that no authenticator knows is refused with 401. */
export function authentication(authenticator: Authenticator, auditor?: Auditor): Filter {
  return async (state, next) => {
    try {
      state.user = await identify(authenticator, state.request);
    } catch (error) {
      const record = auditor?.refused(state);
      if (record !== undefined) state.audit = record;
      throw error;
    }
    return next(state);
  };
}

async function identify(authenticator: Authenticator, request: ApiRequest): Promise<UserInfo> {
  const { credentials } = request;
  if (isUser(credentials)) return credentials;
  const found = await authenticator.authenticate(credentials);
  if (found === undefined) throw newUnauthorized();
  // Who shows a certificate that is not ours wants to be someone: being taken for nobody would hide the mistake.
  if (request.hasForeignCertificate === true && found.user.name === "system:anonymous")
    throw newUnauthorized();
  return found.user;
}

function isUser(credentials: AuthenticationRequest | UserInfo): credentials is UserInfo {
  return "groups" in credentials;
}
