/**
 * Serves a provider by gRPC (pulumi/proto/provider.proto) on a loopback port that it prints, as the engine expects of its
 * plugins. Nothing here outlives the engine: resources live in the sandbox process or in the stack's state.
 */
import grpc from "@grpc/grpc-js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import { type IResourceProviderServer, ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type * as messages from "@pulumi/pulumi/proto/provider_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import type { Change } from "./diff.ts";
import { checkFields, type Failure } from "./fields.ts";
import * as resource from "./resource.ts";
import { decode, encode, isKnown, type Properties, revealAll } from "./wire.ts";

/** Bytes of one gRPC message: an input asset travels whole. */
export const MESSAGE_BYTES = 64 * 1024 * 1024;
/** How often a plugin looks whether its engine is still there. */
const PARENT_POLL_MILLISECONDS = 2000;

const KINDS = {
  add: { plain: proto.PropertyDiff.Kind.ADD, replace: proto.PropertyDiff.Kind.ADD_REPLACE },
  delete: { plain: proto.PropertyDiff.Kind.DELETE, replace: proto.PropertyDiff.Kind.DELETE_REPLACE },
  update: { plain: proto.PropertyDiff.Kind.UPDATE, replace: proto.PropertyDiff.Kind.UPDATE_REPLACE },
} as const satisfies Record<Change["kind"], object>;

type Call<Request> = { readonly request: Request };
type Done<Response> = (error: Partial<grpc.StatusObject> | null, response?: Response | null) => void;

/** A gRPC handler from an async function; what it throws becomes the answer's status, in full text. */
function unary<Request, Response>(act: (request: Request) => Promise<Response> | Response) {
  return (call: Call<Request>, done: Done<Response>): void => {
    Promise.resolve()
      .then(() => act(call.request))
      .then(
        (response) => done(null, response),
        (error: unknown) => done({ code: grpc.status.UNKNOWN, details: error instanceof Error ? error.message : String(error) }),
      );
  };
}

export function implementation(provider: resource.Provider): IResourceProviderServer {
  let config: Properties = {};
  const at = (urn: string) => {
    const parsed = resource.parseUrn(urn);
    return { row: resource.rowOf(provider, parsed.type), context: { urn: parsed, config } };
  };
  const nothing = () => new empty.Empty();
  const handlers = {
    handshake: unary(() => new proto.ProviderHandshakeResponse().setAcceptSecrets(true)),
    getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(provider.version)),
    attach: unary(nothing),
    // The engine cancels its plugins at the end of every run: nothing of the sandbox may stop because of it.
    cancel: unary(nothing),
    checkConfig: unary((request: messages.CheckRequest) => {
      const response = new proto.CheckResponse().setInputs(request.getNews());
      try {
        resource.parseUrn(request.getUrn());
      } catch (error) {
        response.setFailuresList([new proto.CheckFailure().setReason((error as Error).message)]);
      }
      return response;
    }),
    diffConfig: unary(() => new proto.DiffResponse().setChanges(proto.DiffResponse.DiffChanges.DIFF_NONE)),
    configure: unary((request: messages.ConfigureRequest) => {
      if (request.hasUrn()) resource.parseUrn(request.getUrn() ?? "");
      config = revealAll(decode(request.getArgs()));
      return new proto.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
    }),
    check: unary(async (request: messages.CheckRequest) => {
      const { row, context } = at(request.getUrn());
      const randomSeed = Buffer.from(request.getRandomseed_asU8());
      const checked = await resource.check(row, decode(request.getNews()), decode(request.getOlds()), { ...context, randomSeed });
      return new proto.CheckResponse().setInputs(encode(checked.inputs)).setFailuresList(checked.failures.map(failure));
    }),
    diff: unary((request: messages.DiffRequest) => {
      const { row } = at(request.getUrn());
      const old = { inputs: decode(request.getOldInputs()), outputs: decode(request.getOlds()) };
      return diffResponse(resource.diff(row, old, decode(request.getNews())));
    }),
    create: unary(async (request: messages.CreateRequest) => {
      const { row, context } = at(request.getUrn());
      const inputs = decode(request.getProperties());
      if (request.getPreview()) return new proto.CreateResponse().setProperties(encode(resource.preview(row, inputs)));
      const { id, computed } = await row.create(resource.plainInputs(inputs), context);
      return new proto.CreateResponse().setId(id).setProperties(encode(resource.outputsOf(row, inputs, computed)));
    }),
    read: unary(async (request: messages.ReadRequest) => {
      const { row, context } = at(request.getUrn());
      const before = { inputs: decode(request.getInputs()), outputs: decode(request.getProperties()) };
      const plain = { inputs: revealAll(before.inputs), outputs: revealAll(before.outputs) };
      const found = await row.read(request.getId(), plain, context);
      if (found === null) return new proto.ReadResponse();
      return new proto.ReadResponse()
        .setId(found.id ?? request.getId())
        .setInputs(encode(resource.markOutputs({ ...row, secretOutputs: [] }, found.inputs, before.inputs)))
        .setProperties(encode(resource.markOutputs(row, resource.markOutputs(row, found.outputs, before.inputs), before.outputs)));
    }),
    update: unary(async (request: messages.UpdateRequest) => {
      const { row, context } = at(request.getUrn());
      const inputs = decode(request.getNews());
      const outputs = decode(request.getOlds());
      if (request.getPreview()) return new proto.UpdateResponse().setProperties(encode(resource.preview(row, inputs, outputs)));
      const computed = await row.update(request.getId(), resource.plainInputs(inputs), revealAll(outputs), context);
      return new proto.UpdateResponse().setProperties(encode(resource.outputsOf(row, inputs, computed)));
    }),
    delete: unary(async (request: messages.DeleteRequest) => {
      const { row, context } = at(request.getUrn());
      const state = { inputs: revealAll(decode(request.getOldInputs())), outputs: revealAll(decode(request.getProperties())) };
      await row.delete(request.getId(), state, context);
      return nothing();
    }),
    invoke: unary(async (request: messages.InvokeRequest) => {
      const row = provider.invokes[request.getTok()];
      if (row === undefined) throw new resource.ProviderError(unknownInvoke(provider, request.getTok()));
      const given = decode(request.getArgs());
      const failures = checkFields(row.inputs, given);
      if (failures.length > 0) return new proto.InvokeResponse().setFailuresList(failures.map(failure));
      if (!isKnown(given)) throw new resource.ProviderError(`${request.getTok()} was asked with unknown arguments`);
      return new proto.InvokeResponse().setReturn(encode(await row.run(revealAll(given), { config })));
    }),
  };
  return handlers as unknown as IResourceProviderServer;
}

function failure({ property, reason }: Failure): messages.CheckFailure {
  return new proto.CheckFailure().setProperty(property).setReason(`${property} ${reason}`);
}

function unknownInvoke(provider: resource.Provider, token: string): string {
  const known = Object.keys(provider.invokes).join(", ");
  return `the ${provider.name} stand-in has no function ${token}; it has ${known === "" ? "none" : known}`;
}

function diffResponse({ changes, deleteBeforeReplace }: resource.Difference): messages.DiffResponse {
  const top = (change: Change) => change.path.split(/[.[]/, 1)[0] ?? change.path;
  const names = (some: readonly Change[]) => [...new Set(some.map(top))];
  const response = new proto.DiffResponse()
    .setChanges(changes.length === 0 ? proto.DiffResponse.DiffChanges.DIFF_NONE : proto.DiffResponse.DiffChanges.DIFF_SOME)
    .setDiffsList(names(changes))
    .setReplacesList(names(changes.filter((change) => change.replace)))
    .setDeletebeforereplace(deleteBeforeReplace)
    .setHasdetaileddiff(true);
  for (const { path, kind, replace, input } of changes) {
    const detail = new proto.PropertyDiff().setKind(KINDS[kind][replace ? "replace" : "plain"]).setInputdiff(input);
    response.getDetaileddiffMap().set(path, detail);
  }
  return response;
}

export interface Serving {
  readonly port: number;
  stop(): void;
}

/** Starts to serve on a free loopback port. */
export async function serve(provider: resource.Provider): Promise<Serving> {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": MESSAGE_BYTES,
    "grpc.max_send_message_length": MESSAGE_BYTES,
  });
  server.addService(ResourceProviderService, implementation(provider));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { port, stop: () => server.forceShutdown() };
}

/** The whole life of a plugin process: the engine reads the port on stdout, and ends it; a killed engine ends it too. */
export async function runPlugin(provider: resource.Provider): Promise<void> {
  const { port } = await serve(provider);
  const engine = process.ppid;
  setInterval(() => {
    if (process.ppid !== engine) process.exit(0);
  }, PARENT_POLL_MILLISECONDS).unref();
  console.log(port);
}
