import { invalid, required } from "../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors, portErrors, qualifiedNameErrors } from "../../apimachinery/names.ts";
import type { EndpointAddress, EndpointPort, Endpoints } from "../types/core-v1.ts";
import { checkLabel, checkName, type Errors, isEmpty, list, text } from "./basics.ts";
import { checkIp, checkNonSpecialIp } from "./ip.ts";
import { checkProtocol } from "./pod/containers.ts";

/** Endpoints, the elder form of endpoint slices. */
export function checkEndpoints({ subsets }: Endpoints, errors: Errors, old?: Endpoints): void {
  const known = list(old?.subsets).flatMap(({ addresses, notReadyAddresses }) =>
    [...list(addresses), ...list(notReadyAddresses)].map(({ ip }) => ip),
  );
  list(subsets).forEach(({ addresses, notReadyAddresses, ports }, index) => {
    const path = `subsets[${index}]`;
    if (list(addresses).length + list(notReadyAddresses).length === 0) {
      errors.push(required(path, "must specify `addresses` or `notReadyAddresses`"));
    }
    list(addresses).forEach((address, at) => {
      checkAddress(address, known, `${path}.addresses[${at}]`, errors);
    });
    list(notReadyAddresses).forEach((address, at) => {
      checkAddress(address, known, `${path}.notReadyAddresses[${at}]`, errors);
    });
    list(ports).forEach((port, at) => {
      checkPort(port, list(ports).length > 1, `${path}.ports[${at}]`, errors);
    });
  });
}

function checkAddress(
  address: EndpointAddress,
  known: readonly string[],
  path: string,
  errors: Errors,
): void {
  checkIp(address.ip, `${path}.ip`, errors, known);
  if (!isEmpty(address.hostname)) checkLabel(text(address.hostname), `${path}.hostname`, errors);
  if (address.nodeName !== undefined) {
    checkName(address.nodeName, dns1123SubdomainErrors, `${path}.nodeName`, errors);
  }
  checkNonSpecialIp(address.ip, `${path}.ip`, errors);
}

function checkPort(port: EndpointPort, needsName: boolean, path: string, errors: Errors): void {
  if (!isEmpty(port.name)) checkLabel(text(port.name), `${path}.name`, errors);
  else if (needsName) errors.push(required(`${path}.name`));
  for (const message of portErrors(port.port)) errors.push(invalid(`${path}.port`, port.port, message));
  checkProtocol(port.protocol, `${path}.protocol`, errors);
  if (port.appProtocol !== undefined) {
    checkName(port.appProtocol, qualifiedNameErrors, `${path}.appProtocol`, errors);
  }
}
