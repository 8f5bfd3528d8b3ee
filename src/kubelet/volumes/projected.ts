import type { Pod, VolumeProjection } from "../../api/types/core-v1.ts";
import { configMapData } from "./config-map.ts";
import { downwardFiles } from "./downward-api.ts";
import { keyedFiles } from "./keyed-files.ts";
import { secretData } from "./secret.ts";
import { trustAnchors } from "./trust-anchors.ts";
import {
  defaultFileMode,
  type FileVolume,
  VolumeError,
  type VolumeFile,
  type VolumeFiles,
  type VolumeRequest,
} from "./volume.ts";

/** Several sources in one directory: ConfigMaps, Secrets, fields of the pod, ServiceAccount tokens, trust anchors. */
export const projectedVolume: FileVolume = {
  plugin: "kubernetes.io~projected",
  secret: true,
  async files(request) {
    const { sources = [], defaultMode = defaultFileMode } = request.volume.projected ?? {};
    const files: VolumeFiles = new Map();
    for (const source of sources) {
      for (const [path, file] of await sourceFiles(request, source, defaultMode)) files.set(path, file);
    }
    return files;
  },
};

async function sourceFiles(
  request: VolumeRequest,
  source: VolumeProjection,
  mode: number,
): Promise<VolumeFiles> {
  const { pod, sources } = request;
  const namespace = pod.metadata.namespace ?? "";
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = source;
  if (configMap !== undefined) {
    const { name = "", items, optional = false } = configMap;
    const found = await sources.configMap(namespace, name);
    if (found === undefined && !optional) throw new VolumeError(`configmap "${name}" not found`);
    return keyedFiles(configMapData(found), items, mode, optional);
  }
  if (secret !== undefined) {
    const { name = "", items, optional = false } = secret;
    const found = await sources.secret(namespace, name);
    if (found === undefined && !optional) throw new VolumeError(`secret "${name}" not found`);
    return keyedFiles(secretData(found), items, mode, optional);
  }
  if (downwardAPI !== undefined) return downwardFiles(request, downwardAPI.items ?? [], mode);
  if (serviceAccountToken !== undefined) {
    const { audience, expirationSeconds = 3600, path } = serviceAccountToken;
    const token = await request.tokens.get(pod, audience, expirationSeconds);
    return new Map([[path, secretFile(request, Buffer.from(token), mode)]]);
  }
  if (clusterTrustBundle !== undefined) {
    const data = trustAnchors(clusterTrustBundle, await sources.trustBundles());
    return new Map([[clusterTrustBundle.path, secretFile(request, data, mode)]]);
  }
  if (podCertificate !== undefined)
    throw new VolumeError("podCertificate projections are not supported by this node");
  return new Map();
}

/** A token is for its pod alone: of the one user who runs all of it, or for its group with an fsGroup. */
function secretFile({ pod }: VolumeRequest, data: Buffer, mode: number): VolumeFile {
  const user = onlyUser(pod);
  const isOwned = user !== undefined || pod.spec?.securityContext?.fsGroup !== undefined;
  return { data, mode: isOwned ? 0o600 : mode, ...(user === undefined ? {} : { user }) };
}

/** The user of every container; undefined where one does not say, where they differ, and where files cannot be given away. */
function onlyUser({ spec }: Pod): number | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const users = new Set(
    containers.map(({ securityContext }) => securityContext?.runAsUser ?? spec?.securityContext?.runAsUser),
  );
  const [user] = users;
  return users.size === 1 ? user : undefined;
}
