/** The stand-in of `@pulumi/tls`: real keys, requests and certificates; nothing is kept but in the stack's state. */
import { sdkVersion } from "../package-version.ts";
import type { Provider } from "../resource.ts";
import { certRequest } from "./cert-request.ts";
import { locallySignedCert } from "./locally-signed-cert.ts";
import { privateKey } from "./private-key.ts";
import { selfSignedCert } from "./self-signed-cert.ts";

export const tls: Provider = {
  name: "tls",
  version: sdkVersion("tls"),
  resources: {
    "tls:index/privateKey:PrivateKey": privateKey,
    "tls:index/certRequest:CertRequest": certRequest,
    "tls:index/selfSignedCert:SelfSignedCert": selfSignedCert,
    "tls:index/locallySignedCert:LocallySignedCert": locallySignedCert,
  },
  invokes: {},
};
