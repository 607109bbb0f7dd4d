/** The plugin `pulumi-resource-cloudflare`. */
import { cloudflare } from "./cloudflare/provider.ts";
import { runPlugin } from "./serve.ts";

await runPlugin(cloudflare);
