import { Counter, Histogram, type Metric } from "../../apimachinery/metrics.ts";
import { newInternalError, StatusError } from "../../apimachinery/status.ts";
import type { AuthenticatedUser, Authenticator } from "../authentication/authenticator.ts";
import type { AuthorizationDecision, Authorizer } from "../authorization/authorizer.ts";

const buckets = Array.from({ length: 15 }, (_, index) => 0.001 * 2 ** index);

/** Users that have a series of their own; all others are counted together. */
const named = new Set([
  "admin",
  "client",
  "kube_proxy",
  "kubelet",
  "system:serviceaccount:kube-system:default",
]);

/** How long the certificates of those who ask will be good, so that one hears of it before they are not. */
export function clientCertificateExpiry(
  register: (metric: Metric) => void,
): (remainingSeconds: number) => void {
  const seconds = new Histogram({
    name: "apiserver_client_certificate_expiration_seconds",
    help: "Time until the certificate of a request's client expires.",
    labels: [],
    buckets: [0, 0.5, 1, 2, 6, 12, ...[1, 2, 4, 7, 30, 90, 180, 360].map((days) => days * 24)].map(
      (hours) => hours * 3600,
    ),
  });
  register(seconds);
  const all = seconds.with();
  return (remainingSeconds) => all.observe(remainingSeconds);
}

/** The authenticator, counted: how its attempts ended and how long they took. */
export function measuredAuthenticator(
  authenticator: Authenticator,
  register: (metric: Metric) => void,
): Authenticator {
  const attempts = new Counter({
    name: "authentication_attempts",
    help: "Attempts to find out who asks, by result.",
    labels: ["result"],
  });
  const durations = new Histogram({
    name: "authentication_duration_seconds",
    help: "Time it took to find out who asks, by result.",
    labels: ["result"],
    buckets,
  });
  const users = new Counter({
    name: "authenticated_user_requests",
    help: "Requests by who asked.",
    labels: ["username"],
  });
  for (const metric of [attempts, durations, users]) register(metric);
  const counted = (result: string): ((startMs: number) => void) => {
    const [total, seconds] = [attempts.with(result), durations.with(result)];
    return (startMs) => {
      total.value++;
      seconds.observe((performance.now() - startMs) / 1000);
    };
  };
  const success = counted("success");
  const failure = counted("failure");
  const error = counted("error");
  const others = users.with("other");
  const counts = (startMs: number, found: AuthenticatedUser | undefined): AuthenticatedUser | undefined => {
    (found === undefined ? failure : success)(startMs);
    if (found !== undefined) (named.has(found.user.name) ? users.with(found.user.name) : others).value++;
    return found;
  };
  const fails = (startMs: number, thrown: unknown): never => {
    const { code } = thrown instanceof StatusError ? thrown : newInternalError(thrown);
    (code === 401 ? failure : error)(startMs);
    throw thrown;
  };
  return {
    authenticate(request) {
      const startMs = performance.now();
      let found: ReturnType<Authenticator["authenticate"]>;
      try {
        found = authenticator.authenticate(request);
      } catch (thrown) {
        return fails(startMs, thrown);
      }
      if (!(found instanceof Promise)) return counts(startMs, found);
      return found.then(
        (user) => counts(startMs, user),
        (thrown: unknown) => fails(startMs, thrown),
      );
    },
  };
}

/** The authorizer, counted: how its decisions fell and how long they took. */
export function measuredAuthorizer(authorizer: Authorizer, register: (metric: Metric) => void): Authorizer {
  const attempts = new Counter({
    name: "authorization_attempts_total",
    help: "Decisions about requests, by result.",
    labels: ["result"],
  });
  const durations = new Histogram({
    name: "authorization_duration_seconds",
    help: "Time it took to decide about requests, by result.",
    labels: ["result"],
    buckets,
  });
  for (const metric of [attempts, durations]) register(metric);
  const counted = (result: string): ((startMs: number) => void) => {
    const [total, seconds] = [attempts.with(result), durations.with(result)];
    return (startMs) => {
      total.value++;
      seconds.observe((performance.now() - startMs) / 1000);
    };
  };
  const results = { allow: counted("allowed"), deny: counted("denied"), noOpinion: counted("no-opinion") };
  return {
    rulesFor: (user, namespace) => authorizer.rulesFor(user, namespace),
    authorize(attributes) {
      const startMs = performance.now();
      const counts = (decision: AuthorizationDecision): AuthorizationDecision => {
        results[decision.decision](startMs);
        return decision;
      };
      const decision = authorizer.authorize(attributes);
      return decision instanceof Promise ? decision.then(counts) : counts(decision);
    },
  };
}
