import type { DeleteCallOptions, ListOptions } from "../../client/client.ts";
import { everyName } from "./every-name.ts";

/** What `cluster.list` may be told. */
export const listOptionNames = everyName<ListOptions>()(
  "namespace",
  "signal",
  "labelSelector",
  "fieldSelector",
  "resourceVersion",
  "resourceVersionMatch",
  "limit",
  "continue",
  "metadataOnly",
);

/** What `cluster.delete` may be told. */
export const deleteOptionNames = everyName<DeleteCallOptions>()(
  "namespace",
  "signal",
  "gracePeriodSeconds",
  "propagationPolicy",
  "preconditions",
);
