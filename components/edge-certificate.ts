/** A key, the request for its certificate, and the certificate that is served until and after the issued one arrives. */
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { checkIssuedCertificate, type IssuedProblem } from "../gateway/pki/issued.ts";
import { buildCertificateRequest, type CertificateRequestSettings, requestSummary } from "../gateway/pki/request.ts";
import { checkedRequestSettings, type RequestInputs } from "./certificate-request.ts";
import { certificateNames, TYPES } from "./names.ts";
import type { CertificateArgs } from "./settings.ts";
import { certificateSchema } from "./settings-schema.ts";
import { checked } from "./validation.ts";

/** Certificates that the stack makes for itself: hours they are valid, and hours before the end at which they are made anew. */
const VALIDITY = { validityPeriodHours: 8760, earlyRenewalHours: 720 } as const;
/** Days before its end from which an issued certificate is warned of. */
const EXPIRY_WARNING_DAYS = 30;
const DAY = 86_400_000;

/** What signs in place of a public authority: see DevelopmentAuthority. */
export interface CertificateSigner {
  readonly certificatePem: pulumi.Input<string>;
  readonly privateKeyPem: pulumi.Input<string>;
}

export interface EdgeCertificateArgs extends CertificateArgs {
  /** Common name where subjectName is absent. */
  commonName: pulumi.Input<string>;
  /** DNS names that follow from the edge; additionalNames come on top. */
  dnsNames: pulumi.Input<pulumi.Input<string>[]>;
  /** Service names, `_xmpp-server.` and an XMPP domain. */
  srvNames: pulumi.Input<pulumi.Input<string>[]>;
  /** Names that the issued certificate must prove. */
  requiredNames: pulumi.Input<pulumi.Input<string>[]>;
  /** A development authority that signs while nothing is issued. */
  signer?: CertificateSigner | undefined;
  /** ISO 8601; where absent, dates are not judged here. */
  now?: string | undefined;
  /** Whether the key refuses to be deleted. */
  protect?: boolean | undefined;
}

/**
 * The certificate wizard of Microsoft's page as a resource: a summary in the preview, then the key, then the request. The
 * request is a value; nothing is written to a file. What is served comes from one of three sources: the issued certificate,
 * checked against key, names, chain and dates; a development authority; or the key itself, until the issued one is there.
 */
export class EdgeCertificate extends pulumi.ComponentResource {
  /** Served chain, PEM, own certificate first. */
  readonly certificateChain: pulumi.Output<string>;
  /** Private key, PEM; secret. */
  readonly privateKeyPem: pulumi.Output<string>;
  /** The request, PEM; the same for the same settings and key. */
  readonly requestPem: pulumi.Output<string>;
  /** The request's settings, one a line. */
  readonly requestSummary: pulumi.Output<string>;
  /** Where the served certificate comes from, in one sentence. */
  readonly status: pulumi.Output<string>;
  /** What needs attention soon. */
  readonly warnings: pulumi.Output<string[]>;

  constructor(name: string, args: EdgeCertificateArgs, opts?: pulumi.ComponentResourceOptions) {
    const { signer, now, ...recorded } = args;
    super(TYPES.edgeCertificate, name, recorded, opts);
    const names = certificateNames(name);
    const bitLength = args.bitLength ?? certificateSchema.shape.bitLength.parse(undefined);
    const settings = checked(this, { ...requestInputs(args), bitLength }, (value) => checkedRequestSettings(value as RequestInputs));

    this.requestSummary = settings.apply((request) => requestSummary(request).join("\n"));
    if (args.issued === undefined) this.showSummary(name);

    const key = new tls.PrivateKey(names.key, { algorithm: "RSA", rsaBits: bitLength }, { parent: this, protect: args.protect ?? false });
    this.privateKeyPem = pulumi.secret(key.privateKeyPem);
    // What the key signs is no secret, so that it can be read and sent.
    this.requestPem = pulumi.unsecret(
      pulumi.all([settings, key.privateKeyPem]).apply(([request, pem]) => buildCertificateRequest(request, pem)),
    );

    const served = this.served(name, args, settings);
    this.certificateChain = served.chain;
    this.status = served.status;
    this.warnings = served.warnings;
    this.warnings.apply((texts) => texts.map((text) => pulumi.log.warn(text, this)));
    this.registerOutputs({
      certificateChain: this.certificateChain,
      requestPem: this.requestPem,
      requestSummary: this.requestSummary,
      status: this.status,
    });
  }

  /** The wizard's "Request Summary" page stands before the request is generated: in the preview. */
  private showSummary(name: string): void {
    if (!pulumi.runtime.isDryRun()) return;
    this.requestSummary.apply((summary) => pulumi.log.info(`Certificate request of ${name}:\n${summary}`, this));
  }

  private served(name: string, args: EdgeCertificateArgs, settings: pulumi.Output<CertificateRequestSettings>): Served {
    const names = certificateNames(name);
    if (args.issued !== undefined) return this.issued(name, args.issued, args);
    if (args.signer) return this.signed(names.development, args.signer);
    const { certPem } = new tls.SelfSignedCert(
      names.selfSigned,
      {
        privateKeyPem: this.privateKeyPem,
        subject: settings.apply(({ subject }) => tlsSubject(subject)),
        dnsNames: settings.apply(({ dnsNames }) => [...dnsNames]),
        allowedUses: ["digital_signature", "key_encipherment", "server_auth"],
        setSubjectKeyId: true,
        ...VALIDITY,
      },
      { parent: this },
    );
    return {
      chain: certPem,
      status: pulumi.output("self-signed until the issued certificate is given"),
      warnings: pulumi.output<string[]>([]),
    };
  }

  private signed(name: string, signer: CertificateSigner): Served {
    const { certPem } = new tls.LocallySignedCert(
      name,
      {
        certRequestPem: this.requestPem,
        caCertPem: signer.certificatePem,
        caPrivateKeyPem: signer.privateKeyPem,
        allowedUses: ["digital_signature", "key_encipherment", "server_auth", "client_auth"],
        setSubjectKeyId: true,
        ...VALIDITY,
      },
      { parent: this },
    );
    return {
      chain: certPem,
      status: pulumi.output("signed by the development authority of this stack"),
      warnings: pulumi.output<string[]>([]),
    };
  }

  private issued(name: string, chainPem: string, { requiredNames, now }: EdgeCertificateArgs): Served {
    const verdict = pulumi.unsecret(
      pulumi.all([this.privateKeyPem, requiredNames]).apply(([keyPem, names]) => {
        const found = checkIssuedCertificate({ chainPem, keyPem, requiredNames: names, now: new Date(now ?? 0) });
        if (found.ok) return found.certificate;
        const problems = found.problems.filter(({ code }) => now !== undefined || !isAboutDates(code));
        if (problems.length > 0) throw new pulumi.ResourceError(issuedText(name, problems), this, true);
        return undefined;
      }),
    );
    return {
      // Unknown while it is not yet checked: nothing is served that was not.
      chain: verdict.apply(() => chainPem),
      status: verdict.apply((facts) => (facts ? `issued by ${facts.issuer}, valid until ${dayOf(facts.notAfter)}` : "issued")),
      warnings: verdict.apply((facts) => (facts && now !== undefined ? expiryWarnings(name, facts.notAfter, new Date(now)) : [])),
    };
  }
}

interface Served {
  readonly chain: pulumi.Output<string>;
  readonly status: pulumi.Output<string>;
  readonly warnings: pulumi.Output<string[]>;
}

function requestInputs(args: EdgeCertificateArgs) {
  const { issued: _issued, requiredNames: _required, signer: _signer, now: _now, protect: _protect, ...inputs } = args;
  return inputs;
}

const tlsSubject = ({ state, ...subject }: CertificateRequestSettings["subject"]) => ({ ...subject, province: state });

const DATE_CODES: readonly IssuedProblem["code"][] = ["certificate-expired", "certificate-not-yet-valid"];
const isAboutDates = (code: IssuedProblem["code"]): boolean => DATE_CODES.includes(code);

const issuedText = (name: string, problems: readonly IssuedProblem[]): string =>
  `the issued certificate of ${name} has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n${problems.map(({ text, remedy }) => `  ${text}: ${remedy}`).join("\n")}`;

const dayOf = (date: Date): string => date.toISOString().slice(0, 10);

function expiryWarnings(name: string, notAfter: Date, now: Date): string[] {
  if (notAfter.getTime() - now.getTime() > EXPIRY_WARNING_DAYS * DAY) return [];
  return [`the issued certificate of ${name} ends on ${dayOf(notAfter)}: send the request to the authority again and give what it issues`];
}
