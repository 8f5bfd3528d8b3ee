import { apiServerSettings, type GivenSettings, type SettingName } from "../cluster/api-server-settings.ts";
import type { OptionSpec, OptionValues } from "./command.ts";

const group =
  "Settings of the API server, named as kube-apiserver's; later starts keep them, an empty value removes one";

/** Options of every command that starts a cluster. */
export const apiServerOptions: Readonly<Record<string, OptionSpec>> = Object.fromEntries(
  apiServerSettings.map(({ name, placeholder, description, repeats }) => [
    name,
    { type: "string", value: placeholder, description, group, ...(repeats === true ? { repeats } : {}) },
  ]),
);

/** What the command line says of the API server's settings. */
export function givenSettings(options: OptionValues): GivenSettings {
  const given: Partial<Record<SettingName, string>> = {};
  for (const { name } of apiServerSettings) {
    const value = options[name];
    if (typeof value === "string") given[name] = value;
  }
  return given;
}
