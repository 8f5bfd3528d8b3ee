const labels = { app: "web" };
const container = { name: "c", image: "web:1" };

/** Objects that use more of their kind than the least one does, by `apiVersion/Kind` and a label. */
export const richerObjects: Readonly<Record<string, Readonly<Record<string, Record<string, unknown>>>>> = {
  "v1/Pod": {
    storage: {
      spec: {
        restartPolicy: "Never",
        volumes: [
          { name: "scratch", emptyDir: {} },
          { name: "settings", configMap: { name: "settings", items: [{ key: "a", path: "a" }] } },
          { name: "keys", secret: { secretName: "keys" } },
          { name: "all", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
          { name: "claim", persistentVolumeClaim: { claimName: "data" } },
        ],
        initContainers: [{ name: "first", image: "web:1", restartPolicy: "Always" }],
        containers: [
          {
            ...container,
            volumeMounts: [{ name: "scratch", mountPath: "/scratch", subPath: "a" }],
            env: [
              { name: "A", value: "b" },
              { name: "B", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
              { name: "C", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
              { name: "D", valueFrom: { configMapKeyRef: { name: "settings", key: "a" } } },
            ],
            envFrom: [{ configMapRef: { name: "settings" } }],
            ports: [{ containerPort: 80, name: "http", hostPort: 8080 }],
            resources: { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "2", memory: "1Gi" } },
            livenessProbe: { httpGet: { port: 80, path: "/" } },
            readinessProbe: { tcpSocket: { port: "http" } },
            lifecycle: { preStop: { exec: { command: ["true"] } } },
            securityContext: { runAsUser: 1, capabilities: { drop: ["ALL"] } },
          },
          { name: "second", image: "web:2" },
        ],
      },
    },
    placed: {
      spec: {
        containers: [container],
        nodeSelector: { disk: "fast" },
        tolerations: [{ key: "a", operator: "Exists", effect: "NoExecute", tolerationSeconds: 5 }],
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: "a", operator: "In", values: ["b"] }] }],
            },
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 1, preference: { matchExpressions: [{ key: "a", operator: "Exists" }] } },
            ],
          },
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: labels } },
            ],
          },
        },
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: "zone",
            whenUnsatisfiable: "DoNotSchedule",
            labelSelector: { matchLabels: labels },
          },
        ],
        dnsPolicy: "None",
        dnsConfig: {
          nameservers: ["192.0.2.1"],
          searches: ["example.com"],
          options: [{ name: "ndots", value: "2" }],
        },
        hostAliases: [{ ip: "192.0.2.1", hostnames: ["a.example.com"] }],
        securityContext: {
          runAsUser: 1,
          fsGroup: 2,
          sysctls: [{ name: "kernel.shm_rmid_forced", value: "0" }],
        },
        schedulingGates: [{ name: "example.com/gate" }],
        imagePullSecrets: [{ name: "pull" }],
      },
    },
    ended: {
      spec: { restartPolicy: "Never", containers: [container] },
      status: {
        phase: "Running",
        podIP: "10.0.0.1",
        podIPs: [{ ip: "10.0.0.1" }],
        hostIP: "10.0.0.2",
        conditions: [{ type: "Ready", status: "True" }],
        containerStatuses: [
          {
            name: "c",
            image: "web:1",
            imageID: "x",
            ready: false,
            restartCount: 0,
            state: { terminated: { exitCode: 1, startedAt: null, finishedAt: null } },
          },
        ],
      },
    },
  },
  "v1/Service": {
    ports: {
      spec: {
        type: "NodePort",
        selector: labels,
        ports: [
          { name: "a", port: 80, targetPort: "http" },
          { name: "b", port: 81, protocol: "UDP" },
        ],
        sessionAffinity: "ClientIP",
      },
    },
    balanced: {
      spec: {
        type: "LoadBalancer",
        selector: labels,
        ports: [{ port: 80 }],
        externalTrafficPolicy: "Local",
        loadBalancerSourceRanges: ["192.0.2.0/24"],
      },
      status: { loadBalancer: { ingress: [{ ip: "192.0.2.9" }] } },
    },
    external: { spec: { type: "ExternalName", externalName: "example.com" } },
    headless: { spec: { clusterIP: "None", selector: labels, ports: [{ port: 80 }] } },
  },
  "v1/Node": {
    tainted: {
      spec: {
        podCIDR: "10.1.0.0/24",
        podCIDRs: ["10.1.0.0/24"],
        taints: [{ key: "a", effect: "NoSchedule" }],
      },
      status: {
        capacity: { cpu: "4", memory: "1Gi" },
        addresses: [{ type: "InternalIP", address: "192.0.2.1" }],
        images: [{ names: ["a"], sizeBytes: 1 }],
      },
    },
  },
  "v1/Secret": {
    tls: { type: "kubernetes.io/tls", data: { "tls.crt": "YQ==", "tls.key": "YQ==" } },
    fixed: { immutable: true, data: { a: "YQ==" } },
    basic: { type: "kubernetes.io/basic-auth", stringData: { username: "a" } },
    registry: { type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": "e30=" } },
  },
  "v1/ConfigMap": { fixed: { immutable: true, data: { a: "b" }, binaryData: { c: "YQ==" } } },
  "v1/Endpoints": {
    full: {
      subsets: [{ addresses: [{ ip: "192.0.2.1", hostname: "a" }], ports: [{ port: 80, name: "a" }] }],
    },
  },
  "v1/PersistentVolume": {
    attached: {
      spec: {
        capacity: { storage: "1Gi" },
        accessModes: ["ReadWriteOnce"],
        csi: { driver: "csi.example.com", volumeHandle: "one" },
        storageClassName: "fast",
        persistentVolumeReclaimPolicy: "Retain",
        claimRef: { namespace: "default", name: "data", kind: "PersistentVolumeClaim" },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: "a", operator: "In", values: ["b"] }] }],
          },
        },
      },
    },
    local: {
      spec: {
        capacity: { storage: "1Gi" },
        accessModes: ["ReadWriteOnce"],
        local: { path: "/data" },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: "a", operator: "In", values: ["b"] }] }],
          },
        },
      },
    },
  },
  "v1/PersistentVolumeClaim": {
    bound: {
      spec: {
        accessModes: ["ReadWriteOnce"],
        resources: { requests: { storage: "1Gi" } },
        storageClassName: "fast",
        volumeName: "one",
        dataSource: { kind: "PersistentVolumeClaim", name: "other" },
      },
      status: { phase: "Bound", accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" } },
    },
  },
  "v1/ResourceQuota": {
    scoped: {
      spec: {
        hard: { pods: "1", "requests.cpu": "1" },
        scopeSelector: { matchExpressions: [{ scopeName: "PriorityClass", operator: "In", values: ["a"] }] },
      },
    },
  },
  "v1/LimitRange": {
    all: {
      spec: {
        limits: [
          {
            type: "Container",
            max: { cpu: "2" },
            min: { cpu: "1" },
            default: { cpu: "2" },
            defaultRequest: { cpu: "1" },
            maxLimitRequestRatio: { cpu: "2" },
          },
          { type: "PersistentVolumeClaim", max: { storage: "1Gi" } },
        ],
      },
    },
  },
  "apps/v1/Deployment": {
    rolling: {
      spec: {
        replicas: 3,
        selector: { matchLabels: labels, matchExpressions: [{ key: "app", operator: "Exists" }] },
        strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: "25%" } },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    },
  },
  "apps/v1/DaemonSet": {
    rolling: {
      spec: {
        selector: { matchLabels: labels },
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    },
  },
  "apps/v1/StatefulSet": {
    claims: {
      spec: {
        serviceName: "web",
        selector: { matchLabels: labels },
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 1 } },
        template: { metadata: { labels }, spec: { containers: [container] } },
        volumeClaimTemplates: [
          {
            metadata: { name: "data" },
            spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
          },
        ],
      },
    },
  },
  "batch/v1/Job": {
    indexed: {
      spec: {
        completions: 3,
        parallelism: 2,
        completionMode: "Indexed",
        backoffLimitPerIndex: 1,
        maxFailedIndexes: 1,
        podFailurePolicy: {
          rules: [
            { action: "FailIndex", onExitCodes: { operator: "In", values: [1, 2] } },
            { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
          ],
        },
        successPolicy: { rules: [{ succeededIndexes: "0-1", succeededCount: 1 }] },
        template: { spec: { restartPolicy: "Never", containers: [container] } },
      },
      status: { startTime: "2026-01-01T00:00:00Z", active: 1, completedIndexes: "0" },
    },
  },
  "networking.k8s.io/v1/Ingress": {
    rules: {
      spec: {
        ingressClassName: "nginx",
        tls: [{ hosts: ["a.example.com"], secretName: "tls" }],
        rules: [
          {
            host: "a.example.com",
            http: {
              paths: [
                {
                  path: "/",
                  pathType: "Prefix",
                  backend: { service: { name: "web", port: { name: "http" } } },
                },
                {
                  path: "/x",
                  pathType: "Exact",
                  backend: { resource: { apiGroup: "a.example.com", kind: "B", name: "c" } },
                },
              ],
            },
          },
        ],
      },
    },
  },
  "networking.k8s.io/v1/NetworkPolicy": {
    both: {
      spec: {
        podSelector: { matchLabels: labels },
        policyTypes: ["Ingress", "Egress"],
        ingress: [
          {
            ports: [{ port: 80, endPort: 90, protocol: "TCP" }],
            from: [
              { ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } },
              { podSelector: {}, namespaceSelector: {} },
            ],
          },
        ],
        egress: [{ to: [{ namespaceSelector: { matchLabels: labels } }] }],
      },
    },
  },
  "autoscaling/v2/HorizontalPodAutoscaler": {
    metrics: {
      spec: {
        minReplicas: 1,
        maxReplicas: 3,
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
        metrics: [
          {
            type: "Resource",
            resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } },
          },
          {
            type: "Pods",
            pods: {
              metric: { name: "rate", selector: { matchLabels: labels } },
              target: { type: "AverageValue", averageValue: "1" },
            },
          },
          {
            type: "Object",
            object: {
              describedObject: { kind: "Service", name: "web", apiVersion: "v1" },
              metric: { name: "rate" },
              target: { type: "Value", value: "1" },
            },
          },
          { type: "External", external: { metric: { name: "rate" }, target: { type: "Value", value: "1" } } },
          {
            type: "ContainerResource",
            containerResource: {
              name: "cpu",
              container: "c",
              target: { type: "Utilization", averageUtilization: 5 },
            },
          },
        ],
        behavior: {
          scaleUp: {
            policies: [{ type: "Pods", value: 1, periodSeconds: 10 }],
            stabilizationWindowSeconds: 0,
          },
          scaleDown: { policies: [{ type: "Percent", value: 10, periodSeconds: 10 }], selectPolicy: "Min" },
        },
      },
    },
  },
  "policy/v1/PodDisruptionBudget": {
    least: {
      spec: {
        minAvailable: "50%",
        selector: { matchExpressions: [{ key: "a", operator: "In", values: ["b"] }] },
      },
    },
  },
  "rbac.authorization.k8s.io/v1/ClusterRole": {
    more: {
      rules: [{ nonResourceURLs: ["/healthz"], verbs: ["get"] }],
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }] },
    },
  },
  "rbac.authorization.k8s.io/v1/RoleBinding": {
    more: {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "view" },
      subjects: [
        { kind: "ServiceAccount", name: "default", namespace: "default" },
        { kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: "all" },
      ],
    },
  },
  "storage.k8s.io/v1/StorageClass": {
    more: {
      provisioner: "example.com/disk",
      parameters: { a: "b" },
      reclaimPolicy: "Retain",
      volumeBindingMode: "WaitForFirstConsumer",
      allowedTopologies: [{ matchLabelExpressions: [{ key: "a", values: ["b"] }] }],
    },
  },
  "discovery.k8s.io/v1/EndpointSlice": {
    more: {
      addressType: "IPv4",
      ports: [{ name: "http", port: 80, protocol: "TCP" }],
      endpoints: [
        {
          addresses: ["192.0.2.1"],
          conditions: { ready: true },
          hostname: "a",
          hints: { forZones: [{ name: "a" }] },
        },
      ],
    },
  },
  "coordination.k8s.io/v1/Lease": {
    more: {
      spec: { holderIdentity: "me", leaseDurationSeconds: 15, renewTime: "2026-01-01T00:00:00.000000Z" },
    },
  },
  "certificates.k8s.io/v1/CertificateSigningRequest": {},
};
