import type { AuditRecord } from "../audit/audit-record.ts";
import type { RequestInfo, UserInfo } from "../request-context.ts";
import type { ApiRequest, RequestState } from "./api-request.ts";

const nobody: UserInfo = { name: "", uid: "", groups: [], extra: {} };

/** A request on its way through the filters. Its signal is made when somebody asks for it: few do. */
export class PendingRequest implements RequestState {
  readonly request: ApiRequest;
  info: RequestInfo;
  user: UserInfo = nobody;
  readonly warnings: string[] = [];
  readonly auditId: string;
  asOf?: number;
  audit?: AuditRecord;
  #signal: AbortSignal | undefined;
  #makeSignal: () => AbortSignal;

  constructor(request: ApiRequest, info: RequestInfo, auditId: string) {
    this.request = request;
    this.info = info;
    this.auditId = auditId;
    this.#makeSignal = () => request.signal;
  }

  get signal(): AbortSignal {
    this.#signal ??= this.#makeSignal();
    return this.#signal;
  }

  narrowSignal(derive: (outer: AbortSignal) => AbortSignal): void {
    const [outer, makeOuter] = [this.#signal, this.#makeSignal];
    this.#signal = undefined;
    this.#makeSignal = () => derive(outer ?? makeOuter());
  }
}
