import { isBeingDeleted } from "../../apimachinery/object.ts";
import { isAlreadyExists, isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { isNamespaceTerminating } from "../pod-control.ts";
import { enqueueSelf, watch } from "../watch.ts";

const configMapName = "kube-root-ca.crt";
const annotations = {
  "kubernetes.io/description": "CA certificates by which clients inside the cluster verify the API server.",
};

/** Publishes the cluster's CA in every namespace, where pods' projected tokens find it. Keys are namespaces. */
export function rootCaController(authorityPem: () => string): ControllerRegistration {
  return {
    name: "root-ca-certificate-publisher-controller",
    setup({ client, informers }) {
      // Whoever renews it begins the controller anew, which then looks at every namespace.
      const caPem = authorityPem();
      const namespaces = informers.informer(resources.namespaces);
      const configMaps = informers.informer(resources.configmaps);
      return {
        watches: [
          watch(namespaces, enqueueSelf),
          watch(configMaps, ({ metadata }) =>
            metadata.name === configMapName ? [metadata.namespace ?? ""] : [],
          ),
        ],
        async reconcile(name) {
          const namespace = namespaces.get(name);
          if (namespace === undefined || isBeingDeleted(namespace)) return;
          const data = { "ca.crt": caPem };
          const existing = configMaps.get(configMapName, name);
          if (existing?.data?.["ca.crt"] === caPem && Object.keys(existing.data).length === 1) return;
          try {
            if (existing === undefined) {
              await client.resource(resources.configmaps).create({
                apiVersion: "v1",
                kind: "ConfigMap",
                metadata: { name: configMapName, namespace: name, annotations },
                data,
              });
            } else {
              await client.resource(resources.configmaps).update({ ...existing, data });
            }
          } catch (error) {
            if (!isAlreadyExists(error) && !isNotFound(error) && !isNamespaceTerminating(error)) throw error;
          }
        },
      };
    },
  };
}
