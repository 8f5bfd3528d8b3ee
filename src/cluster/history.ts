import type { ApiServerOptions } from "../apiserver/server.ts";
import type { History } from "../history/index.ts";
import { historyPath, historyRoute } from "../history/route.ts";

/** The step around each request: the embedder's outside, so that what it makes fail after its effect is remembered. */
export function interceptOf({
  intercept,
  history,
}: {
  readonly intercept?: ApiServerOptions["intercept"];
  readonly history?: History;
}): Pick<ApiServerOptions, "intercept"> {
  const note = history?.journal.filter;
  if (note === undefined) return intercept === undefined ? {} : { intercept };
  if (intercept === undefined) return { intercept: note };
  return { intercept: (state, next) => intercept(state, (inner) => note(inner, next)) };
}

/** The path at which the history is told, to who may read what it is about. */
export function routesOf(history: History): Pick<ApiServerOptions, "routes"> {
  return {
    routes: ({ authorizer }) => ({
      [historyPath]: historyRoute(history, async ({ user }, group, resource, namespace) => {
        const { decision } = await authorizer.authorize({
          user,
          verb: "list",
          isResourceRequest: true,
          namespace,
          group,
          version: "*",
          resource,
          subresource: "",
          name: "",
          path: "",
        });
        return decision === "allow";
      }),
    }),
  };
}
