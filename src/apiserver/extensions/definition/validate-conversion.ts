import type { CustomResourceConversion, WebhookClientConfig } from "../../../api/types/apiextensions-v1.ts";
import { checkClientConfig } from "../../../api/validation/admission-registration/client-config.ts";
import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from "../../../apimachinery/field-error.ts";
import { dns1035LabelErrors } from "../../../apimachinery/names.ts";
import { caBundleError } from "../../webhook/ca-bundle.ts";

export interface ConversionRules {
  /** One of the versions of reviews must be one that this server speaks. */
  readonly requiresKnownReview: boolean;
  /** Authorities of webhooks are looked at once the definition is established. */
  readonly allowsInvalidBundle: boolean;
}

const reviewVersions = ["v1", "v1beta1"];
export const isKnownReview = (version: string): boolean => reviewVersions.includes(version);

/** How versions are converted: by nobody, or by a webhook that says what it speaks. */
export function conversionErrors(
  { strategy, webhook }: CustomResourceConversion,
  rules: ConversionRules,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (strategy === "") errors.push(required(`${path}.strategy`));
  else if (strategy !== "None" && strategy !== "Webhook") {
    errors.push(notSupported(`${path}.strategy`, strategy, ["None", "Webhook"]));
  }
  const clientConfig = webhook?.clientConfig;
  const reviews = webhook?.conversionReviewVersions ?? [];
  const [configPath, reviewsPath] = [`${path}.webhookClientConfig`, `${path}.conversionReviewVersions`];
  if (strategy === "Webhook") {
    if (clientConfig === undefined) {
      errors.push(required(configPath, "required when strategy is set to Webhook"));
    } else errors.push(...clientErrors(clientConfig, rules, configPath));
    errors.push(...reviewErrors(reviews, rules, reviewsPath));
    return errors;
  }
  const why = "should not be set when strategy is not set to Webhook";
  if (clientConfig !== undefined) errors.push(forbidden(configPath, why));
  if (reviews.length > 0) errors.push(forbidden(reviewsPath, why));
  return errors;
}

function clientErrors(config: WebhookClientConfig, rules: ConversionRules, path: string): FieldError[] {
  const errors: FieldError[] = [];
  checkClientConfig(config, path, errors);
  const { caBundle = "" } = config;
  if (caBundle === "" || rules.allowsInvalidBundle) return errors;
  const wrong = caBundleError(caBundle);
  if (wrong !== undefined) errors.push(invalid(`${path}.caBundle`, caBundle, wrong));
  return errors;
}

function reviewErrors(versions: readonly string[], rules: ConversionRules, path: string): FieldError[] {
  if (versions.length === 0) return [required(path)];
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, version] of versions.entries()) {
    if (seen.has(version)) {
      errors.push(invalid(`${path}[${index}]`, version, "duplicate version"));
      continue;
    }
    seen.add(version);
    for (const why of dns1035LabelErrors(version)) errors.push(invalid(`${path}[${index}]`, version, why));
  }
  if (rules.requiresKnownReview && !versions.some(isKnownReview)) {
    errors.push(invalid(path, versions, `must include at least one of ${reviewVersions.join(", ")}`));
  }
  return errors;
}
