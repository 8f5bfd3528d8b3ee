import type { ClusterState } from "../cluster-state.ts";
import type { Plugin } from "../framework.ts";
import { scoreMax } from "../framework.ts";

const megabyte = 1024 * 1024;
/** Below, an image is not worth moving for; above the second, times the number of containers, nothing more is gained. */
const sizeBytesMin = 23 * megabyte;
const sizeBytesMaxPerContainer = 1000 * megabyte;

/** Prefers nodes that have the pod's images, the more so the larger and the more widely spread they are. */
export function imageLocality(cluster: ClusterState): Plugin {
  return {
    name: "ImageLocality",
    weight: 1,
    preScore({ spec }) {
      const containers = [...(spec.initContainers ?? []), ...spec.containers];
      const images = containers.map(({ image = "" }) => normalizedName(image));
      const known = images.filter((image) => cluster.imageNodes(image) > 0);
      if (known.length === 0) return undefined;
      const nodeCount = cluster.nodes().length;
      const spread = known.map((image) => ({ image, share: cluster.imageNodes(image) / nodeCount }));
      const sizeBytesMax = sizeBytesMaxPerContainer * containers.length;
      return (nodes) =>
        nodes.map((node) => {
          let sumBytes = 0;
          for (const { image, share } of spread)
            sumBytes += Math.trunc((node.images.get(image) ?? 0) * share);
          const counted = Math.min(Math.max(sumBytes, sizeBytesMin), sizeBytesMax);
          return Math.trunc((scoreMax * (counted - sizeBytesMin)) / (sizeBytesMax - sizeBytesMin));
        });
    },
  };
}

/** Nodes report images with their tag. */
function normalizedName(image: string): string {
  return image.lastIndexOf(":") <= image.lastIndexOf("/") ? `${image}:latest` : image;
}
