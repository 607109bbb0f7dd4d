/**
 * A Node language host for the engine: what it needs to run programs, policy packs and component packages written for Node. The
 * engine starts it with its own address as the first positional argument and reads the port from its output. install-host.ts puts
 * it beside an engine that we built; an official CLI has its own.
 *
 * Node strips types by itself here, so the SDK's ts-node is switched off for programs.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import * as language from "@pulumi/pulumi/proto/language_pb.js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";

/** The SDK's runner ends with this code when it has already told the user what was wrong. */
const TOLD_THE_USER = 32;
const ORPHAN_POLL_MILLISECONDS = 1000;

const engine = process.argv.slice(2).find((argument) => !argument.startsWith("-")) ?? "";
const children = new Set<ChildProcess>();

/** Path of one of the SDK's entry points, as the program itself would find it. */
function sdkCommand(name: string, from: string): string {
  return createRequire(join(resolve(from), "package.json")).resolve(`@pulumi/pulumi/cmd/${name}`);
}

function start(args: readonly string[], cwd: string, environment: Readonly<Record<string, string>>): ChildProcess {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, PULUMI_NODEJS_TYPESCRIPT: "false", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  child.on("close", () => children.delete(child));
  return child;
}

type Call<Request, Response> = grpc.handleUnaryCall<Request, Response>;

const runProgram: Call<language.RunRequest, language.RunResponse> = (call, done) => {
  const request = call.request;
  const info = request.getInfo();
  const folder = info?.getProgramDirectory() || request.getPwd();
  const args = [
    sdkCommand("run", folder),
    ...["--monitor", request.getMonitorAddress()],
    ...["--engine", engine],
    ...["--organization", request.getOrganization()],
    ...["--project", request.getProject()],
    ...["--stack", request.getStack()],
    ...["--pwd", request.getPwd()],
    ...["--root-directory", info?.getRootDirectory() ?? request.getPwd()],
    ...["--parallel", String(request.getParallel())],
    ...(request.getDryrun() ? ["--dry-run"] : []),
    info?.getEntryPoint() || request.getProgram(),
    ...request.getArgsList(),
  ];
  const child = start(args, folder, {
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().entries())),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
  });
  // The engine shows what a language host writes; nothing else may reach its standard output but the port.
  child.stdout?.pipe(process.stdout, { end: false });
  child.stderr?.pipe(process.stderr, { end: false });
  call.on("cancelled", () => child.kill("SIGKILL"));
  child.on("close", (code, signal) => {
    const response = new language.RunResponse();
    if (code === TOLD_THE_USER) response.setBail(true);
    else if (code !== 0) response.setError(`Program exited with ${code === null ? `signal ${signal}` : `non-zero exit code: ${code}`}`);
    done(null, response);
  });
};

/** Policy packs (kind "analyzer") and component packages. A policy pack reads package.json from its working directory. */
const runPlugin: grpc.handleServerStreamingCall<language.RunPluginRequest, language.RunPluginResponse> = (call) => {
  const request = call.request;
  const folder = request.getInfo()?.getProgramDirectory() || request.getProgram();
  const analyzer = request.getKind() === "analyzer";
  const args = analyzer
    ? [sdkCommand("run-policy-pack", folder), ...request.getArgsList(), folder]
    : [sdkCommand("run-plugin", folder), folder, ...request.getArgsList()];
  const environment = Object.fromEntries(request.getEnvList().map((entry) => entry.split(/=(.*)/s).slice(0, 2)));
  const child = start(args, analyzer ? folder : request.getPwd(), environment);
  child.stdout?.on("data", (chunk: Buffer) => call.write(new language.RunPluginResponse().setStdout(chunk)));
  child.stderr?.on("data", (chunk: Buffer) => call.write(new language.RunPluginResponse().setStderr(chunk)));
  call.on("cancelled", () => child.kill("SIGKILL"));
  child.on("close", (code) => {
    call.write(new language.RunPluginResponse().setExitcode(code ?? 1));
    call.end();
  });
};

/** Folder and version of the SDK say nothing that the engine needs: packages are asked for as the program registers resources. */
const answer =
  <Request, Response>(make: () => Response): Call<Request, Response> =>
  (_call, done) =>
    done(null, make());

const server = new grpc.Server();
server.addService(LanguageRuntimeService, {
  handshake: answer(() => new language.LanguageHandshakeResponse()),
  getPluginInfo: answer(() => new PluginInfo().setVersion("1.0.0")),
  getRequiredPackages: answer(() => new language.GetRequiredPackagesResponse()),
  getRequiredPlugins: answer(() => new language.GetRequiredPluginsResponse()),
  getProgramDependencies: answer(() => new language.GetProgramDependenciesResponse()),
  runtimeOptionsPrompts: answer(() => new language.RuntimeOptionsResponse()),
  about: answer(() => new language.AboutResponse().setExecutable(process.execPath).setVersion(process.version)),
  installDependencies: (call: grpc.ServerWritableStream<unknown, unknown>) => call.end(),
  cancel: answer(() => new Empty()),
  run: runProgram,
  runPlugin,
} as unknown as grpc.UntypedServiceImplementation);

function stop(): never {
  for (const child of children) child.kill("SIGKILL");
  process.exit(0);
}

server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});

// A killed engine stops nobody: its orphan ends by itself, and the program with it.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && stop(), ORPHAN_POLL_MILLISECONDS).unref();
process.on("SIGTERM", stop);
