import type { Handler } from "../apiserver/endpoints/api-request.ts";
import type { History } from "./index.ts";
import type { MayRead } from "./serve.ts";

/** Where the history is read. Access to the path is an administrator's, unless a role names it. */
export const historyPath = "/sampan.dev/history";

/** The route of the path, whose code is loaded when somebody first asks: a cluster without a history loads none of it. */
export function historyRoute({ journal }: History, mayRead: MayRead): Handler {
  return async (state) => {
    const { serveHistory } = await import("./serve.ts");
    return await serveHistory(journal, mayRead, state);
  };
}
