import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../apimachinery/logger.ts";
import { type RequestHeaderNames, requestHeaders } from "../apiserver/authentication/request-header.ts";
import type { SecurityOptions } from "../registry/security.ts";
import type { ApiServerSetting, ApiServerSettings, GivenSettings } from "./api-server-settings.ts";

const headerList = (name: RequestHeaderListName, description: string): RequestHeaderSetting => ({
  name,
  kind: "value",
  placeholder: "NAME,…",
  description,
  repeats: true,
  check: (given) => {
    if (listOf(given).some((each) => each === ""))
      return Promise.reject(new Error(`empty value in ${JSON.stringify(name)}`));
    const isUid = name === "requestheader-uid-headers";
    if (isUid && !hasHeader(listOf(given), requestHeaders.uid))
      return Promise.reject(
        new Error(
          "is set without specifying the standard X-Remote-Uid header - API aggregation will not work",
        ),
      );
    return Promise.resolve(given);
  },
});

type RequestHeaderListName =
  | "requestheader-allowed-names"
  | "requestheader-username-headers"
  | "requestheader-uid-headers"
  | "requestheader-group-headers"
  | "requestheader-extra-headers-prefix";

export type RequestHeaderSettingName =
  | RequestHeaderListName
  | "requestheader-client-ca-file"
  | "proxy-client-cert-file"
  | "proxy-client-key-file";

type RequestHeaderSetting = ApiServerSetting & { readonly name: RequestHeaderSettingName };

/** Who may say on whose behalf a request comes, and what this server shows where it says so itself. */
export const requestHeaderSettings: readonly RequestHeaderSetting[] = [
  {
    name: "requestheader-client-ca-file",
    kind: "file",
    placeholder: "FILE",
    description: "authorities of proxies that are believed whom their headers name",
    check: checkCertificates,
  },
  headerList("requestheader-allowed-names", "common names that such a proxy may have (default: all)"),
  headerList("requestheader-username-headers", "headers with the user's name (default: X-Remote-User)"),
  headerList("requestheader-uid-headers", "headers with the user's uid (default: X-Remote-Uid)"),
  headerList("requestheader-group-headers", "headers with the user's groups (default: X-Remote-Group)"),
  headerList(
    "requestheader-extra-headers-prefix",
    "how headers with more about the user begin (default: X-Remote-Extra-)",
  ),
  {
    name: "proxy-client-cert-file",
    kind: "file",
    placeholder: "FILE",
    description: "what this server shows to other API servers (default: a certificate of its own)",
    check: checkCertificates,
  },
  {
    name: "proxy-client-key-file",
    kind: "file",
    placeholder: "FILE",
    description: "the key of --proxy-client-cert-file",
  },
];

const listOf = (value: string | undefined): string[] =>
  value === undefined || value === "" ? [] : value.split(",").map((each) => each.trim());

const hasHeader = (given: readonly string[], [standard = ""]: readonly string[]): boolean =>
  given.some((each) => each.toLowerCase() === standard.toLowerCase());

async function checkCertificates(given: string): Promise<string> {
  const { certificatesOf, parseCertificate } = await import("../pki/index.ts");
  if (certificatesOf(given).map(parseCertificate).length === 0)
    throw new Error("data does not contain any valid RSA or ECDSA certificates");
  return given;
}

/** Why the settings, which the cluster will have, make no sense together: the name of one, and the reason. */
export function requestHeaderMistake(
  all: GivenSettings,
): readonly [RequestHeaderSettingName, string] | undefined {
  const isSet = (name: RequestHeaderSettingName): boolean => (all[name] ?? "") !== "";
  const [certificate, key] = ["proxy-client-cert-file", "proxy-client-key-file"] as const;
  if (isSet(certificate) !== isSet(key)) {
    const [given, missing] = isSet(certificate) ? [certificate, key] : [key, certificate];
    return [given, `nothing can be shown without --${missing}`];
  }
  if (isSet("requestheader-client-ca-file")) return undefined;
  const alone = requestHeaderSettings.find(({ name }) => name.startsWith("requestheader-") && isSet(name));
  return alone && [alone.name, "nobody is believed without --requestheader-client-ca-file"];
}

/**
 * Throws when users of the cluster would be believed whoever they say that they are: `text` has an authority of theirs, and
 * proxies may have any name.
 */
export async function checkOwnAuthority(text: string, all: GivenSettings, directory: string): Promise<void> {
  const file = join(directory, "pki/ca.crt");
  if ((all["requestheader-allowed-names"] ?? "") !== "" || !existsSync(file)) return;
  const { certificatesOf } = await import("../pki/index.ts");
  const own = certificatesOf(readFileSync(file, "utf8"));
  if (!certificatesOf(text).some((each) => own.some((other) => other.equals(each)))) return;
  throw new Error(
    "it has the cluster's own authority; --requestheader-allowed-names must be specified to ensure regular client " +
      "certificates cannot set authenticating proxy headers for arbitrary users",
  );
}

/** What the settings ask of the server; empty when they ask for nothing. */
export function requestHeaderSecurity(
  settings: ApiServerSettings,
  logger: Logger,
): Pick<SecurityOptions, "proxies" | "proxyClient"> {
  const authorities = settings["requestheader-client-ca-file"];
  const [certificate, key] = [settings["proxy-client-cert-file"], settings["proxy-client-key-file"]];
  return {
    ...(authorities === undefined
      ? {}
      : {
          proxies: {
            authorities: readFileSync(authorities, "utf8"),
            allowedNames: listOf(settings["requestheader-allowed-names"]),
            headers: headerNames(settings, logger),
          },
        }),
    ...(certificate === undefined || key === undefined
      ? {}
      : { proxyClient: pairOf(readFileSync(certificate, "utf8"), readFileSync(key, "utf8")) }),
  };
}

/** Throws when the key is another certificate's. */
function pairOf(certificate: string, key: string): { readonly certificate: string; readonly key: string } {
  process.getBuiltinModule("node:tls").createSecureContext({ cert: certificate, key });
  return { certificate, key };
}

function headerNames(settings: ApiServerSettings, logger: Logger): RequestHeaderNames {
  const names = (
    name: RequestHeaderListName,
    standard: readonly string[],
    what: string,
  ): readonly string[] => {
    const given = listOf(settings[name]);
    if (given.length === 0) return standard;
    if (!hasHeader(given, standard)) {
      logger.warn(
        `--${name} is set without specifying the standard ${standard[0] ?? ""} ${what} - API aggregation will not work`,
      );
    }
    return given;
  };
  return {
    user: names("requestheader-username-headers", requestHeaders.user, "header"),
    uid: names("requestheader-uid-headers", requestHeaders.uid, "header"),
    group: names("requestheader-group-headers", requestHeaders.group, "header"),
    extraPrefix: names("requestheader-extra-headers-prefix", requestHeaders.extraPrefix, "header prefix"),
  };
}
