import { isBeingDeleted } from "../../apimachinery/object.ts";
import { isAlreadyExists, isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { isNamespaceTerminating } from "../pod-control.ts";
import { enqueueSelf, watch } from "../watch.ts";

/** Gives every namespace its `default` ServiceAccount, also after somebody deleted it. Keys are namespaces. */
export const serviceAccountController: ControllerRegistration = {
  name: "serviceaccount-controller",
  setup({ client, informers }) {
    const namespaces = informers.informer(resources.namespaces);
    const accounts = informers.informer(resources.serviceaccounts);
    return {
      watches: [
        watch(namespaces, enqueueSelf),
        watch(accounts, ({ metadata }) => (metadata.name === "default" ? [metadata.namespace ?? ""] : [])),
      ],
      async reconcile(name) {
        const namespace = namespaces.get(name);
        if (
          namespace === undefined ||
          isBeingDeleted(namespace) ||
          accounts.get("default", name) !== undefined
        )
          return;
        try {
          await client.resource(resources.serviceaccounts).create({
            apiVersion: "v1",
            kind: "ServiceAccount",
            metadata: { name: "default", namespace: name },
          });
        } catch (error) {
          // The namespace is gone or going, or somebody was faster.
          if (!isAlreadyExists(error) && !isNotFound(error) && !isNamespaceTerminating(error)) throw error;
        }
      },
    };
  },
};
