/** What Microsoft's certificate wizard fills in by itself, joined with what the administrator declares. */
import { ConfigurationError, type Problem } from "../gateway/config/parse.ts";
import { type CertificateRequestSettings, requestNames, requestProblems } from "../gateway/pki/request.ts";

/** The part of a request that follows from the edge. */
export interface FilledIn {
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly srvNames: readonly string[];
  /** Names without which the issued certificate is of no use. */
  readonly requiredNames: readonly string[];
}

/** The certificate that partners see: Access Edge FQDN, `sip.` of each SIP domain, each SIP domain. */
export const edgeRequest = (accessEdgeFqdn: string, sipDomains: readonly string[]): FilledIn => ({
  commonName: accessEdgeFqdn,
  ...requestNames({ accessEdgeFqdn, sipDomains, additionalNames: [] }),
  requiredNames: [...new Set([accessEdgeFqdn, ...sipDomains])],
});

/** The certificate that the Lync side sees: the gateway's own name, as subject and as alternative name. */
export const sipRequest = (fqdn: string): FilledIn => ({ commonName: fqdn, dnsNames: [fqdn], srvNames: [], requiredNames: [fqdn] });

/** Both parts of a request's settings. */
export interface RequestInputs extends Omit<FilledIn, "requiredNames"> {
  readonly subjectName?: string | undefined;
  readonly additionalNames?: readonly string[] | undefined;
  readonly templateName?: string | undefined;
  readonly friendlyName?: string | undefined;
  readonly bitLength?: number | undefined;
  readonly exportableKey?: boolean | undefined;
  readonly organization?: string | undefined;
  readonly organizationalUnit?: string | undefined;
  readonly country?: string | undefined;
  readonly state?: string | undefined;
  readonly locality?: string | undefined;
}

/** The settings as gateway/pki takes them. */
export function requestSettings(inputs: RequestInputs): CertificateRequestSettings {
  const { organization, organizationalUnit, country, state, locality } = inputs;
  return {
    subject: { commonName: inputs.subjectName ?? inputs.commonName, organization, organizationalUnit, country, state, locality },
    dnsNames: [...new Set([...inputs.dnsNames, ...(inputs.additionalNames ?? [])])],
    srvNames: inputs.srvNames,
    templateName: inputs.templateName,
    friendlyName: inputs.friendlyName,
    bitLength: inputs.bitLength,
    exportableKey: inputs.exportableKey,
  };
}

/** Problems of the settings, under the names an administrator knows them by. */
export function requestSettingsProblems(inputs: RequestInputs, path: string): Problem[] {
  return requestProblems(requestSettings(inputs)).map((problem) => ({
    ...problem,
    path: [path, inputName(problem.path)].filter(Boolean).join("."),
  }));
}

/** @throws ConfigurationError with every problem. */
export function checkedRequestSettings(inputs: RequestInputs): CertificateRequestSettings {
  const problems = requestSettingsProblems(inputs, "");
  if (problems.length > 0) throw new ConfigurationError("certificate request", problems);
  return requestSettings(inputs);
}

const inputName = (path: string): string =>
  path
    .replace("subject.commonName", "subjectName")
    .replace("subject.", "")
    .replace(/^dnsNames\[\d+\]/, "additionalNames");
