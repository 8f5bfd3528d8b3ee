/** The version of Sampan itself; equal to the one in package.json (a test checks it). */
export const sampanVersion = "0.1.0";

/** The Kubernetes whose API is served. */
export const kubernetesVersion = "v1.36.0";
