import { builtinScheme } from "../../api/builtin-scheme.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import type { Transport } from "../../apimachinery/transport.ts";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import type { AdmissionPlugin } from "../admission/admission.ts";
import type { AuthenticationRequest } from "../authentication/authenticator.ts";
import type { AuthorizationDecision } from "../authorization/authorizer.ts";
import type { UserInfo } from "../request-context.ts";
import { ApiServer, type ApiServerOptions, type Security } from "../server.ts";

export const adminUser: UserInfo = { name: "admin", uid: "", groups: ["system:masters"], extra: {} };

export interface TestServer {
  readonly server: ApiServer;
  readonly clock: VirtualClock;
  readonly storage: MemoryStorage;
  readonly transport: Transport;
}

const allowed: AuthorizationDecision = { decision: "allow", reason: "" };

/** Lets everybody with the token "admin" in and permits everything. */
export function openSecurity(admission: readonly AdmissionPlugin[] = []): Security {
  return {
    authenticator: {
      authenticate: async (request: AuthenticationRequest) =>
        request.bearerToken === "admin" ? { user: adminUser } : undefined,
    },
    authorizer: {
      authorize: async () => allowed,
      rulesFor: async () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
    },
    admission,
  };
}

/** A started server over a memory store, on the virtual clock, for tests of this room. */
export async function startTestServer(options: Partial<ApiServerOptions> = {}): Promise<TestServer> {
  const clock = new VirtualClock();
  const storage = new MemoryStorage();
  const server = new ApiServer({
    storage,
    clock,
    scheme: builtinScheme(),
    random: new SeededRandom(1),
    security: () => openSecurity(),
    ...options,
  });
  await server.start();
  return { server, clock, storage, transport: server.inProcessTransport(adminUser) };
}
