/** The gateway as a container group. For production, where a fixed address is wanted, another kind of host serves better. */
import * as containerinstance from "@pulumi/azure-native/containerinstance/index.js";
import * as storage from "@pulumi/azure-native/storage/index.js";
import * as pulumi from "@pulumi/pulumi";
import { listenSchema } from "../gateway/config/schema.ts";
import type { EdgeHost, EdgeHostArgs } from "./edge-host.ts";
import { hostNames, STATE_SHARE, TYPES } from "./names.ts";
import { hostSchema } from "./settings-schema.ts";

/** Folder of the gateway's own state (consents), on a file share that outlives the container. */
const STATE_PATH = "/var/lib/xmpp-edge";
const STATE_VOLUME = "state";
/** Size limit of the file share, GiB: the smallest that all account kinds take. */
const STATE_QUOTA = 100;
/** Liveness: asked every so many seconds; so many failures in a row restart the container. */
const PROBE = { initialDelaySeconds: 10, periodSeconds: 10, failureThreshold: 3, timeoutSeconds: 5 } as const;

type Listen = ReturnType<typeof listenSchema.parse>;

/**
 * A container group that runs the gateway's image. It holds what needs a restart to change (image, size, ports, resolvers)
 * and the addresses of everything else, which the gateway polls.
 */
export class ContainerHost extends pulumi.ComponentResource implements EdgeHost {
  readonly address: pulumi.Output<string>;
  readonly xmppAddress: pulumi.Output<string>;
  readonly sipAddress: pulumi.Output<string>;
  readonly healthUrl: pulumi.Output<string>;

  constructor(name: string, args: EdgeHostArgs, opts?: pulumi.ComponentResourceOptions) {
    const { store, ...recorded } = args;
    super(TYPES.containerHost, name, recorded, opts);
    const names = hostNames(name);
    const listen = pulumi.output(args.listen).apply((ports) => listenSchema.parse(ports ?? {}));

    const share = new storage.FileShare(
      names.share,
      { resourceGroupName: args.resourceGroupName, accountName: store.accountName, shareName: STATE_SHARE, shareQuota: STATE_QUOTA },
      { parent: this, protect: args.protect },
    );
    const group = new containerinstance.ContainerGroup(
      names.group,
      {
        resourceGroupName: args.resourceGroupName,
        ...(args.location === undefined ? {} : { location: args.location }),
        osType: containerinstance.OperatingSystemTypes.Linux,
        sku: containerinstance.ContainerGroupSku.Standard,
        restartPolicy: containerinstance.ContainerGroupRestartPolicy.Always,
        identity: { type: containerinstance.ResourceIdentityType.UserAssigned, userAssignedIdentities: [store.identityId] },
        ipAddress: {
          type: containerinstance.ContainerGroupIpAddressType.Public,
          ports: listen.apply((ports) => tcp(exposed(ports, args.exposeHealthPort ?? false))),
        },
        containers: [gatewayContainer(args, listen)],
        volumes: [stateVolume(args, share, this)],
      },
      {
        parent: this,
        // One writer at a time on the state share.
        deleteBeforeReplace: true,
        // Azure changes these only by making the group anew.
        replaceOnChanges: ["osType", "restartPolicy", "ipAddress", "containers[*].resources", "containers[*].ports"],
      },
    );

    // With the id, so that an address which is not yet made is unknown rather than absent.
    this.address = pulumi.all([group.id, group.ipAddress]).apply(([, given]) => addressOf(given?.ip, this));
    this.xmppAddress = pulumi.interpolate`${this.address}:${listen.xmppPort}`;
    this.sipAddress = pulumi.interpolate`${this.address}:${listen.sipPort}`;
    this.healthUrl = args.exposeHealthPort ? pulumi.interpolate`http://${this.address}:${listen.healthPort}` : pulumi.output("");
    this.registerOutputs({
      address: this.address,
      xmppAddress: this.xmppAddress,
      sipAddress: this.sipAddress,
      healthUrl: this.healthUrl,
    });
  }
}

function addressOf(ip: string | undefined, component: pulumi.Resource): string {
  if (ip) return ip;
  throw new pulumi.ResourceError("the container group has no public address; run up again once it is started", component, true);
}

function exposed({ xmppPort, xmppTlsPort, sipPort, healthPort }: Listen, health: boolean): number[] {
  return [xmppPort, ...(xmppTlsPort === undefined ? [] : [xmppTlsPort]), sipPort, ...(health ? [healthPort] : [])];
}

const tcp = (ports: readonly number[]) => ports.map((port) => ({ port, protocol: containerinstance.ContainerNetworkProtocol.TCP }));

function gatewayContainer(args: EdgeHostArgs, listen: pulumi.Output<Listen>) {
  return {
    name: "gateway",
    image: args.image,
    resources: {
      requests: {
        cpu: args.cpu ?? hostSchema.shape.cpu.parse(undefined),
        memoryInGB: args.memoryInGb ?? hostSchema.shape.memoryInGb.parse(undefined),
      },
    },
    ports: listen.apply((ports) => tcp(exposed(ports, true))),
    environmentVariables: environment(args),
    volumeMounts: [{ name: STATE_VOLUME, mountPath: STATE_PATH }],
    livenessProbe: { httpGet: { path: "/livez", port: listen.healthPort, scheme: containerinstance.Scheme.Http }, ...PROBE },
  };
}

/** In a fixed order, so that an unchanged group shows no change. */
function environment({ store, dnsServers, pollSeconds }: EdgeHostArgs): pulumi.Output<{ name: string; value: string }[]> {
  const variables = Object.entries({ ...store.environment, EDGE_STATE: STATE_PATH });
  return pulumi
    .all([pulumi.all(variables.map(([, value]) => value)), dnsServers, pollSeconds ?? hostSchema.shape.pollSeconds.parse(undefined)])
    .apply(([values, servers, seconds]) => [
      ...variables.map(([name], index) => ({ name, value: values[index] ?? "" })),
      { name: "EDGE_POLL_SECONDS", value: String(seconds) },
      ...(servers?.length ? [{ name: "EDGE_DNS", value: servers.join(",") }] : []),
    ]);
}

function stateVolume({ resourceGroupName, store }: EdgeHostArgs, share: storage.FileShare, parent: pulumi.Resource) {
  const keys = storage.listStorageAccountKeysOutput({ resourceGroupName, accountName: store.accountName }, { parent });
  const storageAccountKey = pulumi.secret(keys.apply((found) => found.keys[0]?.value ?? ""));
  return { name: STATE_VOLUME, azureFile: { shareName: share.name, storageAccountName: store.accountName, storageAccountKey } };
}
