import type {
  UserInfo as ReviewedUser,
  SelfSubjectReview,
  TokenReview,
} from "../../api/types/authentication-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest } from "../../apimachinery/status.ts";
import type { TokenAuthenticator } from "../../apiserver/authentication/authenticator.ts";
import { rejectionReason } from "../../apiserver/authentication/users.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";
import type { UserInfo } from "../../apiserver/request-context.ts";

const group = "authentication.k8s.io";

/** How reviews show a user: empty parts are left out. */
export function shownUser({ name, uid, groups, extra }: UserInfo): ReviewedUser {
  return {
    username: name,
    ...(uid === "" ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups: [...groups] }),
    ...(Object.keys(extra).length === 0
      ? {}
      : { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])) }),
  };
}

/** POST tokenreviews: whose token is this? `apiAudiences` are meant when the review names none. */
export function tokenReviewsExtension(
  tokens: TokenAuthenticator,
  apiAudiences: readonly string[],
): ResourceExtension {
  return {
    group,
    resource: "tokenreviews",
    setup: () => ({
      async create(_context, object) {
        const review = object as unknown as TokenReview;
        const { token, audiences = [] } = review.spec;
        if (token === undefined || token === "") {
          throw newBadRequest("token is required for TokenReview in authentication");
        }
        const status = await reviewToken(tokens, token, audiences.length === 0 ? apiAudiences : audiences);
        return { ...object, status };
      },
    }),
  };
}

async function reviewToken(
  tokens: TokenAuthenticator,
  token: string,
  audiences: readonly string[],
): Promise<NonNullable<TokenReview["status"]>> {
  try {
    const found = await tokens.authenticateToken(token, audiences);
    if (found === undefined) return { user: {} };
    return {
      authenticated: true,
      user: shownUser(found.user),
      audiences: [...(found.audiences ?? audiences)],
    };
  } catch (error) {
    return { user: {}, error: rejectionReason(error) };
  }
}

/** POST selfsubjectreviews: who am I? (`kubectl auth whoami`) */
export const selfSubjectReviewsExtension: ResourceExtension = {
  group,
  resource: "selfsubjectreviews",
  setup: ({ nowMs }) => ({
    async create({ user }) {
      const review: SelfSubjectReview = {
        apiVersion: "authentication.k8s.io/v1",
        kind: "SelfSubjectReview",
        metadata: { creationTimestamp: formatTime(nowMs()) },
        status: { userInfo: shownUser(user) },
      };
      return review as unknown as UnstructuredObject;
    },
  }),
};
