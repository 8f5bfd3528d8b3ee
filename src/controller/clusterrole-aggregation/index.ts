import type { ClusterRole } from "../../api/types/rbac-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { watch } from "../watch.ts";
import { aggregatedRules } from "./aggregate.ts";

/** Keeps the rules of aggregated ClusterRoles what their parts make them. Keys are names. */
export const clusterRoleAggregationController: ControllerRegistration = {
  name: "clusterrole-aggregation-controller",
  setup({ client, informers }) {
    const roles = informers.informer(resources.clusterroles);
    return {
      watches: [
        // Any role may be part of any aggregated one, and there are few of those.
        watch(roles, () =>
          roles
            .list()
            .filter(isAggregated)
            .map(({ metadata }) => metadata.name ?? ""),
        ),
      ],
      async reconcile(name) {
        const role = roles.get(name);
        if (role === undefined || !isAggregated(role)) return;
        const rules = aggregatedRules(role, roles.list());
        if (deepEqual(rules, role.rules ?? [])) return;
        try {
          await client.resource(resources.clusterroles).update({ ...role, rules });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      },
    };
  },
};

const isAggregated = ({ aggregationRule }: ClusterRole): boolean => aggregationRule !== undefined;
