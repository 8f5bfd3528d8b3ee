import type { UserInfo } from "../../apiserver/request-context.ts";
import type { ScriptedPods } from "../../cri/simulated/index.ts";
import type { Storage } from "../../storage/storage.ts";
import type { NodeTraits } from "../simulated-node.ts";
import type { NodeFailure } from "./node-failures.ts";

/** Milliseconds, or as Go writes durations, with days where there are some: `250ms`, `10m`, `1h30m`, `400d`, `1d12h`. */
export type Duration = number | string;

/** A duration that may be negative: `-5m`. */
export type SignedDuration = Duration;

/** What a cluster for tests is made of; everything has a default. */
export interface CreateClusterOptions {
  /**
   * `real` (the default) follows the machine. `virtual` stands still until `cluster.clock` is told to move, so that an
   * hour of timeouts, leases and backoff passes in milliseconds.
   */
  readonly clock?: "real" | "virtual";
  /** What time it is when a virtual clock begins, as `Date` reads it. Default: 2026-01-01T00:00:00Z. */
  readonly startTime?: string | number | Date;
  /**
   * All chance and all identities come from it: with a virtual clock, the same seed and the same calls make the same
   * cluster, byte for byte. That goes for its certificate authority too, so the seed is the key to what `serve` opens.
   * Default: from the machine.
   */
  readonly seed?: number;
  /** Simulated nodes: how many, or one entry for each. Default 1; 0 leaves pods pending. */
  readonly nodes?: number | readonly NodeOptions[];
  /**
   * Which controllers run: all (the default), none, those of a list, or all but those of a list, by Kubernetes' names:
   * `deployment-controller`, `garbage-collector-controller`, … (`controllerNames()` lists them).
   */
  readonly controllers?: "all" | "none" | readonly string[] | { readonly except: readonly string[] };
  /** What pods do, beside their annotations; `cluster.pods.script` adds to it. */
  readonly scripts?: readonly ScriptedPods[];
  /** False leaves pods unscheduled. Default true. */
  readonly scheduler?: boolean;
  /**
   * Who may do what: `RBAC` (the default) is what Kubernetes asks, with the node authorizer; under `AlwaysAllow` everybody
   * may do everything.
   */
  readonly authorization?: "RBAC" | "AlwaysAllow";
  /** Admission plugins to turn on or off, by Kubernetes' names. */
  readonly admission?: { readonly enable?: readonly string[]; readonly disable?: readonly string[] };
  /** Where objects lie; closed with the cluster. Default: in memory. */
  readonly store?: Storage;
  /**
   * Keeps for `cluster.artifact()` what is otherwise forgotten or not written down: the history from the first revision on,
   * who wrote what, and the server's log. Memory grows with each write. Default false.
   */
  readonly record?: boolean;
  /** Of Services. Default 10.96.0.0/16. */
  readonly serviceCidr?: string;
  /**
   * What `cluster.save()` gave, or the path of its file: the cluster goes on from there, with the options that it had.
   * Options given beside it count instead, but for `nodes`, `store`, `startTime` and `serviceCidr`, which are refused.
   */
  readonly from?: string | Uint8Array;
  /**
   * With `from`: `same` (the default) is the cluster that was saved, and its tokens and certificates are good. `new` is
   * another one: new keys, new UIDs of `kube-system` and of the nodes, new bootstrap tokens, so that neither believes what
   * the other signed.
   */
  readonly identities?: "same" | "new";
}

export interface NodeOptions extends NodeTraits {
  readonly name: string;
  /** What goes wrong with it by itself. */
  readonly failures?: readonly NodeFailure[];
}

/** Someone who asks: `cluster.clientOf({ name: "jane", groups: ["developers"] })`. */
export interface TestUser {
  readonly name: string;
  readonly groups?: readonly string[];
}

export const userInfo = ({ name, groups = [] }: TestUser): UserInfo => ({
  name,
  uid: "",
  groups: [...groups, "system:authenticated"],
  extra: {},
});
