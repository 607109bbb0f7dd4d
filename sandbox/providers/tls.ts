/** The plugin `pulumi-resource-tls`. */
import { runPlugin } from "./serve.ts";
import { tls } from "./tls/provider.ts";

await runPlugin(tls);
