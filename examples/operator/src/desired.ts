/*
 * What a Site means in Kubernetes' own objects. These are functions of the Site alone, so they can be applied again and
 * again without harm. Each object names the Site as its owner, and so goes with it.
 */
import { type appsV1, type batchV1, type coreV1, newControllerRef } from "sampan/operator";
import type { Site } from "./site.ts";

/** All that belongs to some Site bears it, with the Site's name. */
export const siteLabel = "example.dev/site";

export function deploymentOf(site: Site): appsV1.Deployment {
  const metadata = metadataOf(site);
  const { labels = {} } = metadata;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: {
      replicas: site.spec.replicas ?? 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "web", image: site.spec.image, ports: [{ containerPort: 80 }] }] },
      },
    },
  };
}

export function serviceOf(site: Site): coreV1.Service {
  const metadata = metadataOf(site);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: { selector: metadata.labels, ports: [{ port: 80 }] },
  };
}

/** The backup of one night. A night has one name, so that it has one Job however often it is asked for. */
export function backupJobOf(site: Site, night: Date): batchV1.Job {
  const day = night.toISOString().slice(0, 10);
  const script = `echo "backing up ${site.spec.host}"; sleep 60; echo done`;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: metadataOf(site, `${site.metadata.name}-backup-${day}`),
    spec: {
      backoffLimit: 2,
      template: {
        spec: {
          restartPolicy: "Never",
          containers: [{ name: "backup", image: "busybox:1.37", command: ["sh", "-c", script] }],
        },
      },
    },
  };
}

function metadataOf(site: Site, name = site.metadata.name ?? ""): coreV1.Service["metadata"] {
  return {
    name,
    namespace: site.metadata.namespace,
    labels: { [siteLabel]: site.metadata.name ?? "" },
    ownerReferences: [newControllerRef(site)],
  };
}
