/** Drives a provider as the engine does, by gRPC: for tests. */
import grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type * as messages from "@pulumi/pulumi/proto/provider_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import type { Provider } from "./resource.ts";
import { serve } from "./serve.ts";
import { decode, encode, type Properties } from "./wire.ts";

export interface Resource {
  readonly id: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
}

export type Driven = Awaited<ReturnType<typeof drive>>;

/** `stack` is part of every URN. */
export async function drive(provider: Provider, stack = "sandbox") {
  const serving = await serve(provider);
  const client = new ResourceProviderClient(`127.0.0.1:${serving.port}`, grpc.credentials.createInsecure());
  const urn = (type: string, name: string) => `urn:pulumi:${stack}::xmpp-edge::xmpp-edge:index:FederationEdge$${type}::${name}`;

  const call = <Request, Response>(
    method: (request: Request, done: (error: grpc.ServiceError | null, response: Response) => void) => unknown,
    request: Request,
  ): Promise<Response> =>
    new Promise((resolve, reject) => {
      method.call(client, request, (error, response) => (error ? reject(new Error(error.details)) : resolve(response)));
    });

  const check = async (type: string, name: string, news: Properties, olds: Properties = {}, seed = "seed") => {
    const request = new proto.CheckRequest()
      .setUrn(urn(type, name))
      .setNews(encode(news))
      .setOlds(encode(olds))
      .setRandomseed(Buffer.from(seed));
    const response = await call<messages.CheckRequest, messages.CheckResponse>(client.check, request);
    const failures = response.getFailuresList().map((failure) => `${failure.getProperty()}: ${failure.getReason()}`);
    return { inputs: decode(response.getInputs()), failures };
  };

  const createRequest = (type: string, name: string, inputs: Properties) =>
    new proto.CreateRequest().setUrn(urn(type, name)).setProperties(encode(inputs));

  const diff = async (type: string, name: string, old: Resource, news: Properties) => {
    const request = new proto.DiffRequest().setUrn(urn(type, name)).setId(old.id).setOlds(encode(old.outputs)).setNews(encode(news));
    const response = await call<messages.DiffRequest, messages.DiffResponse>(client.diff, request.setOldInputs(encode(old.inputs)));
    const detail: Record<string, string | undefined> = {};
    response.getDetaileddiffMap().forEach((difference, path) => {
      detail[path] = KINDS[difference.getKind()];
    });
    return { detail, replaces: response.getReplacesList(), deleteBeforeReplace: response.getDeletebeforereplace() };
  };

  return {
    check,
    diff,
    /** Outputs that a preview of its creation promises. */
    preview: async (type: string, name: string, inputs: Properties): Promise<Properties> => {
      const request = createRequest(type, name, inputs).setPreview(true);
      return decode((await call<messages.CreateRequest, messages.CreateResponse>(client.create, request)).getProperties());
    },
    /** Check and create in one; rejects with the failures of check. */
    create: async (type: string, name: string, news: Properties): Promise<Resource> => {
      const { inputs, failures } = await check(type, name, news);
      if (failures.length > 0) throw new Error(failures.join("\n"));
      const response = await call<messages.CreateRequest, messages.CreateResponse>(client.create, createRequest(type, name, inputs));
      return { id: response.getId(), inputs, outputs: decode(response.getProperties()) };
    },
    /** Null when it is gone. */
    read: async (type: string, name: string, resource: Resource): Promise<Resource | null> => {
      const request = new proto.ReadRequest().setUrn(urn(type, name)).setId(resource.id).setInputs(encode(resource.inputs));
      const response = await call<messages.ReadRequest, messages.ReadResponse>(
        client.read,
        request.setProperties(encode(resource.outputs)),
      );
      const id = response.getId();
      return id === "" ? null : { id, inputs: decode(response.getInputs()), outputs: decode(response.getProperties()) };
    },
    update: async (type: string, name: string, old: Resource, inputs: Properties, preview = false): Promise<Resource> => {
      const request = new proto.UpdateRequest().setUrn(urn(type, name)).setId(old.id).setOlds(encode(old.outputs)).setNews(encode(inputs));
      request.setOldInputs(encode(old.inputs)).setPreview(preview);
      const response = await call<messages.UpdateRequest, messages.UpdateResponse>(client.update, request);
      return { id: old.id, inputs, outputs: decode(response.getProperties()) };
    },
    delete: async (type: string, name: string, resource: Resource): Promise<void> => {
      const request = new proto.DeleteRequest().setUrn(urn(type, name)).setId(resource.id).setProperties(encode(resource.outputs));
      await call(client.delete, request.setOldInputs(encode(resource.inputs)));
    },
    invoke: async (token: string, args: Properties): Promise<Properties> => {
      const request = new proto.InvokeRequest().setTok(token).setArgs(encode(args));
      return decode((await call<messages.InvokeRequest, messages.InvokeResponse>(client.invoke, request)).getReturn());
    },
    close: () => {
      client.close();
      serving.stop();
    },
  };
}

/** PropertyDiff.Kind by number. */
const KINDS: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(proto.PropertyDiff.Kind).map(([name, kind]) => [kind, name.toLowerCase().replace("_", "-")]),
);
