import type { VolumeProjection } from "../../api/types/core-v1.ts";
import { configMapData } from "./config-map.ts";
import { downwardFiles } from "./downward-api.ts";
import { keyedFiles } from "./keyed-files.ts";
import { secretData } from "./secret.ts";
import { trustAnchors } from "./trust-anchors.ts";
import {
  defaultFileMode,
  type FileVolume,
  VolumeError,
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
    return new Map([[path, { data: Buffer.from(token), mode: tokenMode(request, mode) }]]);
  }
  if (clusterTrustBundle !== undefined) {
    const data = trustAnchors(clusterTrustBundle, await sources.trustBundles());
    return new Map([[clusterTrustBundle.path, { data, mode: tokenMode(request, mode) }]]);
  }
  if (podCertificate !== undefined)
    throw new VolumeError("podCertificate projections are not supported by this node");
  return new Map();
}

/** A token is for its pod alone: 0600 where one user runs all containers, 0640 for its group with an fsGroup. */
function tokenMode({ pod }: VolumeRequest, mode: number): number {
  if (pod.spec?.securityContext?.fsGroup !== undefined) return 0o600;
  return runsAsOneUser(pod.spec?.securityContext?.runAsUser) ? 0o600 : mode;
}

const runsAsOneUser = (user: number | undefined): boolean => user === 0;
