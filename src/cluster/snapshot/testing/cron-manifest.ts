/** A definition of a custom resource, and an object of it. */
export const cronManifest = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: crons.example.com }
spec:
  group: example.com
  names: { kind: Cron, plural: crons }
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { at: { type: string } } } } } }
---
apiVersion: example.com/v1
kind: Cron
metadata: { name: nightly }
spec: { at: "0 3 * * *" }
`;
