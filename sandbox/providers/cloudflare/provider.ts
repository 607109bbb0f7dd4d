/** The stand-in of `@pulumi/cloudflare`: DNS records. */
import { sdkVersion } from "../package-version.ts";
import type { Provider } from "../resource.ts";
import { dnsRecord } from "./dns-record.ts";

export const cloudflare: Provider = {
  name: "cloudflare",
  version: sdkVersion("cloudflare"),
  resources: { "cloudflare:index/dnsRecord:DnsRecord": dnsRecord },
  invokes: {},
};
