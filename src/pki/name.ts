import {
  type DerValue,
  membersOf,
  oid,
  readOid,
  readText,
  sequence,
  setOf,
  tags,
  utf8String,
} from "./der.ts";

/** The parts of a distinguished name that Kubernetes reads: CN is the user, each O a group. */
export interface SubjectName {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly organizationalUnits?: readonly string[];
  /** The value of a Kubernetes UID attribute (1.3.6.1.4.1.57683.2), when there is one. */
  readonly uid?: string;
}

const types = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  organizationalUnit: "2.5.4.11",
  /** KubernetesUIDOID of k8s.io/apiserver/pkg/authentication/request/x509. */
  uid: "1.3.6.1.4.1.57683.2",
} as const;

/** Each value in its own relative name, organisations first, as most tools write them. */
export function encodeName(name: SubjectName): Buffer {
  const part = (type: string, value: string): Buffer => setOf(sequence(oid(type), utf8String(value)));
  return sequence(
    ...name.organizations.map((organization) => part(types.organization, organization)),
    ...(name.organizationalUnits ?? []).map((unit) => part(types.organizationalUnit, unit)),
    ...(name.uid === undefined ? [] : [part(types.uid, name.uid)]),
    ...(name.commonName === "" ? [] : [part(types.commonName, name.commonName)]),
  );
}

/** Reads a name; values may stand in one relative name (as Go writes them) or in many. Throws DerError. */
export function decodeName(value: DerValue | undefined): SubjectName {
  const organizations: string[] = [];
  const organizationalUnits: string[] = [];
  let commonName = "";
  let uid: string | undefined;
  for (const relative of membersOf(value)) {
    for (const attribute of membersOf(relative, tags.set)) {
      const [type, text] = membersOf(attribute);
      if (text === undefined) continue;
      const typeName = readOid(type);
      if (typeName === types.commonName) commonName = readText(text);
      else if (typeName === types.organization) organizations.push(readText(text));
      else if (typeName === types.organizationalUnit) organizationalUnits.push(readText(text));
      else if (typeName === types.uid) uid = readText(text);
    }
  }
  return { commonName, organizations, organizationalUnits, ...(uid === undefined ? {} : { uid }) };
}
