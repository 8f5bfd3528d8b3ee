import {
  authorizerType,
  boolType,
  CelEnvironment,
  type CelType,
  dynType,
  intType,
  listType,
  mapType,
  resourceCheckType,
  stringType,
  structType,
  timestampType,
} from "../../../cel/index.ts";

const texts = listType(stringType);
const textMap = mapType(stringType, stringType);

const groupVersionKind = structType("kubernetes.GroupVersionKind", {
  group: stringType,
  version: stringType,
  kind: stringType,
});
const groupVersionResource = structType("kubernetes.GroupVersionResource", {
  group: stringType,
  version: stringType,
  resource: stringType,
});

/** What is asked, without the objects: those are variables of their own. */
const requestType = structType("kubernetes.AdmissionRequest", {
  kind: groupVersionKind,
  resource: groupVersionResource,
  subResource: stringType,
  requestKind: groupVersionKind,
  requestResource: groupVersionResource,
  requestSubResource: stringType,
  name: stringType,
  namespace: stringType,
  operation: stringType,
  userInfo: structType("kubernetes.UserInfo", {
    username: stringType,
    uid: stringType,
    groups: texts,
    extra: mapType(stringType, texts),
  }),
  dryRun: boolType,
  options: dynType,
});

const namespaceType = structType("kubernetes.Namespace", {
  metadata: structType("kubernetes.NamespaceMetadata", {
    name: stringType,
    generateName: stringType,
    namespace: stringType,
    labels: textMap,
    annotations: textMap,
    UID: stringType,
    creationTimestamp: timestampType,
    deletionGracePeriodSeconds: intType,
    deletionTimestamp: timestampType,
    generation: intType,
    resourceVersion: stringType,
    finalizers: texts,
  }),
  spec: structType("kubernetes.NamespaceSpec", { finalizers: texts }),
  status: structType("kubernetes.NamespaceStatus", {
    conditions: listType(
      structType("kubernetes.NamespaceCondition", {
        status: stringType,
        type: stringType,
        lastTransitionTime: timestampType,
        message: stringType,
        reason: stringType,
      }),
    ),
    phase: stringType,
  }),
});

export interface AdmissionVariables {
  readonly params?: boolean;
  readonly authorizer?: boolean;
  /** Expressions make `Object{…}` and `JSONPatch{…}`. */
  readonly mutation?: boolean;
  /** The type of `variables`, where earlier expressions have names. */
  readonly variables?: CelType;
  /** Types instead of dyn, for warnings about expressions that cannot be right. */
  readonly object?: CelType;
  readonly paramsType?: CelType;
}

/** What expressions of admission may read; mirrors the variables of apiserver/pkg/admission/plugin/cel. */
export function admissionEnvironment(options: AdmissionVariables): CelEnvironment {
  const object = options.object ?? dynType;
  return new CelEnvironment({
    variables: {
      object,
      oldObject: object,
      request: requestType,
      namespaceObject: namespaceType,
      ...(options.params === true ? { params: options.paramsType ?? dynType } : {}),
      ...(options.authorizer === true
        ? { authorizer: authorizerType, "authorizer.requestResource": resourceCheckType }
        : {}),
      ...(options.variables === undefined ? {} : { variables: options.variables }),
    },
    ...(options.mutation === true ? { mutation: true } : {}),
  });
}
