/** A certificate authority of the stack's own, for development, demonstrations and tests. Never for production. */
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import type { CertificateSigner } from "./edge-certificate.ts";
import { authorityNames, TYPES } from "./names.ts";

/** Hours: the authority outlives what it signs. */
const AUTHORITY_VALIDITY = { validityPeriodHours: 87_600, earlyRenewalHours: 8760 } as const;
const PEER_VALIDITY = { validityPeriodHours: 8760, earlyRenewalHours: 720 } as const;
const KEY = { algorithm: "ECDSA", ecdsaCurve: "P256" } as const;

export interface DevelopmentAuthorityArgs {
  /** Names of demo or test peers: each gets a key and a certificate for that name. */
  peers: string[];
}

/** Key and certificate of a peer. */
export interface PeerIdentity {
  /** PEM, own certificate first. */
  certificateChain: string;
  /** PEM. */
  privateKey: string;
}

/** The authority's key and certificate, and an identity for each demo or test peer. */
export class DevelopmentAuthority extends pulumi.ComponentResource {
  /** The authority's certificate, PEM. */
  readonly certificatePem: pulumi.Output<string>;
  /** Identity by peer name; secret. */
  readonly peers: pulumi.Output<Record<string, PeerIdentity>>;
  /** For EdgeCertificate. */
  readonly signer: CertificateSigner;

  constructor(name: string, args: DevelopmentAuthorityArgs, opts?: pulumi.ComponentResourceOptions) {
    super(TYPES.developmentAuthority, name, args, opts);
    const names = authorityNames(name);
    const child = { parent: this };

    const key = new tls.PrivateKey(names.key, KEY, child);
    const authority = new tls.SelfSignedCert(
      names.certificate,
      {
        privateKeyPem: pulumi.secret(key.privateKeyPem),
        subject: { commonName: "xmpp-edge development authority", organization: "For development only" },
        isCaCertificate: true,
        allowedUses: ["cert_signing", "crl_signing"],
        setSubjectKeyId: true,
        setAuthorityKeyId: true,
        ...AUTHORITY_VALIDITY,
      },
      child,
    );
    this.certificatePem = authority.certPem;
    this.signer = { certificatePem: authority.certPem, privateKeyPem: pulumi.secret(key.privateKeyPem) };
    this.peers = pulumi.secret(pulumi.all(Object.fromEntries(args.peers.map((peer) => [peer, this.identity(names, peer)]))));
    this.registerOutputs({ certificatePem: this.certificatePem });
  }

  private identity(names: ReturnType<typeof authorityNames>, peer: string): pulumi.Output<PeerIdentity> {
    const child = { parent: this };
    const key = new tls.PrivateKey(names.peerKey(peer), KEY, child);
    const request = new tls.CertRequest(
      names.peerRequest(peer),
      { privateKeyPem: pulumi.secret(key.privateKeyPem), subject: { commonName: peer }, dnsNames: [peer] },
      child,
    );
    const certificate = new tls.LocallySignedCert(
      names.peerCertificate(peer),
      {
        certRequestPem: request.certRequestPem,
        caCertPem: this.signer.certificatePem,
        caPrivateKeyPem: this.signer.privateKeyPem,
        allowedUses: ["digital_signature", "server_auth", "client_auth"],
        setSubjectKeyId: true,
        ...PEER_VALIDITY,
      },
      child,
    );
    return pulumi.output({ certificateChain: certificate.certPem, privateKey: key.privateKeyPem });
  }
}
