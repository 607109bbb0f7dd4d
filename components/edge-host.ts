/** What runs the gateway: one interface for every kind of host. */
import type * as pulumi from "@pulumi/pulumi";
import type { StoreAccess } from "./configuration-store.ts";
import type { HostArgs, ListenArgs } from "./settings.ts";

/** What every kind of host is given. Nothing in it may change while the gateway runs. */
export interface EdgeHostArgs extends HostArgs {
  resourceGroupName: pulumi.Input<string>;
  /** Where the gateway finds its document, certificates and secrets. */
  store: StoreAccess;
  /** Whether the gateway's own state refuses to be deleted. */
  protect: boolean;
  /** Ports the gateway listens on. */
  listen?: pulumi.Input<ListenArgs> | undefined;
}

/** Where the gateway is reached. */
export interface EdgeHost {
  /** Public IPv4 address. */
  readonly address: pulumi.Output<string>;
  /** `address:port` of XMPP server-to-server. */
  readonly xmppAddress: pulumi.Output<string>;
  /** `address:port` of SIP over TLS. */
  readonly sipAddress: pulumi.Output<string>;
  /** Base URL of livez, readyz and status; empty where the health port is not exposed. */
  readonly healthUrl: pulumi.Output<string>;
}
