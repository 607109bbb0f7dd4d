/** Object identifiers, by the name their document gives them. */
// biome-ignore format: a table
export const OID = {
  // distinguished names (RFC 5280 4.1.2.4)
  commonName:             "2.5.4.3",
  country:                "2.5.4.6",
  locality:               "2.5.4.7",
  state:                  "2.5.4.8",
  organization:           "2.5.4.10",
  organizationalUnit:     "2.5.4.11",
  // extensions (RFC 5280 4.2)
  subjectKeyIdentifier:   "2.5.29.14",
  keyUsage:               "2.5.29.15",
  subjectAltName:         "2.5.29.17",
  basicConstraints:       "2.5.29.19",
  reasonCode:             "2.5.29.21",
  invalidityDate:         "2.5.29.24",
  deltaCrlIndicator:      "2.5.29.27",
  issuingDistributionPoint: "2.5.29.28",
  certificateIssuer:      "2.5.29.29",
  nameConstraints:        "2.5.29.30",
  crlDistributionPoints:  "2.5.29.31",
  certificatePolicies:    "2.5.29.32",
  policyMappings:         "2.5.29.33",
  authorityKeyIdentifier: "2.5.29.35",
  policyConstraints:      "2.5.29.36",
  extendedKeyUsage:       "2.5.29.37",
  inhibitAnyPolicy:       "2.5.29.54",
  // purposes (RFC 5280 4.2.1.12)
  anyExtendedKeyUsage:    "2.5.29.37.0",
  serverAuth:             "1.3.6.1.5.5.7.3.1",
  clientAuth:             "1.3.6.1.5.5.7.3.2",
  // other names
  xmppAddr:               "1.3.6.1.5.5.7.8.5", // id-on-xmppAddr, RFC 6120 13.7.1.4
  srvName:                "1.3.6.1.5.5.7.8.7", // id-on-dnsSRV, RFC 4985 2
  // certificate requests
  extensionRequest:       "1.2.840.113549.1.9.14",      // RFC 2985 5.4.2
  enrollCertType:         "1.3.6.1.4.1.311.20.2",       // szOID_ENROLL_CERTTYPE_EXTENSION, the template's name (MS-WCCE)
  friendlyName:           "1.3.6.1.4.1.311.10.11.11",   // szOID_CERT_PROP_ID_PREFIX with CERT_FRIENDLY_NAME_PROP_ID (wincrypt.h)
  // signatures
  md5WithRsa:             "1.2.840.113549.1.1.4",
  sha1WithRsa:            "1.2.840.113549.1.1.5",
  sha256WithRsa:          "1.2.840.113549.1.1.11",
  sha384WithRsa:          "1.2.840.113549.1.1.12",
  sha512WithRsa:          "1.2.840.113549.1.1.13",
  ecdsaWithSha1:          "1.2.840.10045.4.1",
  ecdsaWithSha256:        "1.2.840.10045.4.3.2",
  ecdsaWithSha384:        "1.2.840.10045.4.3.3",
  ecdsaWithSha512:        "1.2.840.10045.4.3.4",
  ed25519:                "1.3.101.112",
} as const;
