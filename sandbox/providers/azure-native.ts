/** The plugin `pulumi-resource-azure-native`. */
import { azureNative } from "./azure-native/provider.ts";
import { runPlugin } from "./serve.ts";

await runPlugin(azureNative);
