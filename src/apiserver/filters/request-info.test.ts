import { expect, test } from "vitest";
import { requestInfo } from "./request-info.ts";

const info = (method: string, url: string) => {
  const { pathname, searchParams } = new URL(url, "https://x");
  const { verb, group, version, resource, subresource, namespace, name, parts, isResourceRequest } =
    requestInfo(method, pathname, searchParams);
  if (!isResourceRequest) return `${verb} ${pathname}`;
  const place = `${namespace}/${resource}/${name}${subresource === "" ? "" : `/${subresource}`}`;
  return `${verb} ${group}/${version} ${place}${parts.length === 0 ? "" : ` ${parts.join("/")}`}`;
};

test.each([
  ["GET", "/api/v1/namespaces/default/pods", "list /v1 default/pods/"],
  ["GET", "/api/v1/namespaces/default/pods/web", "get /v1 default/pods/web"],
  ["HEAD", "/api/v1/namespaces/default/pods/web", "get /v1 default/pods/web"],
  ["GET", "/api/v1/pods?watch=true", "watch /v1 /pods/"],
  ["GET", "/api/v1/pods?watch", "watch /v1 /pods/"],
  ["GET", "/api/v1/pods?watch=0", "list /v1 /pods/"],
  ["GET", "/api/v1/pods?fieldSelector=metadata.name%3Dweb", "list /v1 /pods/web"],
  ["GET", "/api/v1/pods?fieldSelector=metadata.name!%3Dweb", "list /v1 /pods/"],
  ["GET", "/api/v1/watch/namespaces/default/pods", "watch /v1 default/pods/"],
  ["GET", "/api/v1/watch/namespaces/default/pods/web", "watch /v1 default/pods/web"],
  ["GET", "/api/v1/watch/pods", "watch /v1 /pods/"],
  ["POST", "/api/v1/namespaces/default/pods", "create /v1 default/pods/"],
  ["PUT", "/apis/apps/v1/namespaces/a/deployments/b", "update apps/v1 a/deployments/b"],
  ["PATCH", "/apis/apps/v1/namespaces/a/deployments/b/status", "patch apps/v1 a/deployments/b/status"],
  ["DELETE", "/api/v1/namespaces/a/pods/b", "delete /v1 a/pods/b"],
  ["DELETE", "/api/v1/namespaces/a/pods", "deletecollection /v1 a/pods/"],
  ["GET", "/api/v1/namespaces", "list /v1 /namespaces/"],
  ["GET", "/api/v1/namespaces/a", "get /v1 a/namespaces/a"],
  ["PUT", "/api/v1/namespaces/a/finalize", "update /v1 a/namespaces/a/finalize"],
  ["GET", "/api/v1/nodes/a/proxy/metrics/x", "get /v1 /nodes/a/proxy metrics/x"],
  ["GET", "/api/v1/namespaces/a/pods/b/log", "get /v1 a/pods/b/log"],
  [
    "GET",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
    "get rbac.authorization.k8s.io/v1 /clusterroles/system:node",
  ],
  ["GET", "/api/v1/namespaces/a/configmaps/..%2f..%2fb", "get /v1 a/configmaps/../.. b"],
  ["GET", "/api/v1/namespaces/a%2Fpods/b", "get /v1 a/pods/b"],
  ["GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Da%2Cmetadata.name%3D%3Dweb", "list /v1 /pods/web"],
  ["GET", "/api/v1/pods?fieldSelector=metadata.name%3Da%5C%2Cb", "list /v1 /pods/a,b"],
  ["GET", "/api/v1/pods?fieldSelector=metadata.name%3Da%2Fb", "list /v1 /pods/"],
  ["GET", "/api/v1/pods?fieldSelector=metadata.name", "list /v1 /pods/"],
  ["GET", "/api", "get /api"],
  ["GET", "/apis/apps/v1", "get /apis/apps/v1"],
  ["POST", "/healthz", "post /healthz"],
])("%s %s means %s", (method, url, expected) => {
  expect(info(method, url)).toBe(expected);
});
