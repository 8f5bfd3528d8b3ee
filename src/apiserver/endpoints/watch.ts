import { newMethodNotAllowed } from "../../apimachinery/status.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import { isTrue } from "../filters/request-info.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import { checkWatchOptions, type WatchOptions, watchObjects } from "../registry/watch.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { isOfMetadata } from "./asked-form.ts";
import { ConvertingSink } from "./converting-sink.ts";
import { integerOf } from "./list.ts";
import { selectionOf } from "./selection.ts";
import type { ServerCore } from "./server-core.ts";
import { targetOf } from "./target.ts";

/** A watch that does not say how long it wants lasts between 30 and 60 minutes, so that ends are spread. */
const minTimeoutSeconds = 1800;

/** GET of a collection with `watch`, or of a path below `watch/`. */
export async function watch(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
): Promise<ApiResponse> {
  const { info, store } = served;
  if (store === undefined) throw newMethodNotAllowed();
  const { query } = state.request;
  const asked = integerOf(query, "timeoutSeconds") ?? 0;
  // In whole seconds: Node keeps a list for each length of its timers until the longest of them would be over.
  const seconds = asked > 0 ? asked : Math.floor(minTimeoutSeconds * (1 + core.random.next()));
  const timeoutMs = seconds * 1000;
  const initial = query.get("sendInitialEvents");
  const options: WatchOptions = {
    resourceVersion: query.get("resourceVersion") ?? "",
    resourceVersionMatch: query.get("resourceVersionMatch") ?? "",
    allowWatchBookmarks: isTrue(query.get("allowWatchBookmarks")),
    sendInitialEvents: initial === null ? undefined : isTrue(initial),
    continueToken: query.get("continue") ?? "",
    timeoutMs,
    asOf: state.asOf,
  };
  checkWatchOptions(options);
  const selection = selectionOf(
    core.scheme,
    info,
    targetOf(state.info, info).namespace,
    query,
    state.info.name,
  );
  return {
    type: "watch",
    served: info,
    timeoutMs,
    open: (sink, signal) => {
      if (info.custom?.reader.convert === undefined) {
        const asksForState = options.sendInitialEvents ?? ["", "0"].includes(options.resourceVersion);
        const loading =
          asksForState && !isOfMetadata(state)
            ? store.cache.loaded(store.cache.select(selection))
            : undefined;
        if (loading !== undefined) {
          // What cannot be read now is reported when it is to be sent.
          const begin = () => watchObjects(store, selection, options, sink, signal);
          return loading.then(begin, begin);
        }
        return watchObjects(store, selection, options, sink, signal);
      }
      // Fields are looked at after the conversion, which takes its time; all else before.
      const rough = new URLSearchParams(query);
      rough.delete("fieldSelector");
      const outer = selectionOf(core.scheme, info, selection.namespace, rough, state.info.name);
      const ready = (states: readonly (CachedObject | undefined)[]) => store.ready(info, states);
      return watchObjects(store, outer, options, new ConvertingSink(sink, selection, ready), signal);
    },
  };
}
