/** The stack's configuration -> typed settings, or every problem in one error. Nothing is made of half a configuration. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { FederationEdgeArgs } from "../components/settings.ts";
import { parseEdgeSettings } from "../components/settings-schema.ts";
import { ConfigurationError, type Problem } from "../gateway/config/parse.ts";

const NAMESPACE = "xmpp-edge";
/** Kept apart from the others: its value may stand in no message. */
const PASSPHRASE = "dialbackPassphrase";
/** `host.image` for the gateway of this checkout. */
const OWN_IMAGE = "xmpp-edge-gateway";
/** A PEM text may be given as `file:` and a path relative to the stack's file. */
const FILE_PREFIX = "file:";
/** Bytes of such a file. */
const FILE_LIMIT = 65_536;

/** Where files are read: the folder of the stack files, and the file that names the bundled gateway. */
export interface Places {
  readonly stackFolder: string;
  readonly imageFile: string;
}

const PLACES: Places = {
  stackFolder: import.meta.dirname,
  imageFile: join(import.meta.dirname, "..", "build", "gateway", "image.json"),
};

/** The settings of the stack that runs. @throws RunError with every problem */
export function edgeArgs(): FederationEdgeArgs {
  const dialbackPassphrase = new pulumi.Config(NAMESPACE).getSecret(PASSPHRASE);
  try {
    return { ...settingsFrom(pulumi.runtime.allConfig(), PLACES), ...(dialbackPassphrase ? { dialbackPassphrase } : {}) };
  } catch (error) {
    throw error instanceof ConfigurationError ? new pulumi.RunError(error.message) : error;
  }
}

/** The settings in a stack's configuration. @throws ConfigurationError with every problem */
export function settingsFrom(configuration: Readonly<Record<string, string>>, places: Places): FederationEdgeArgs {
  const { values, problems } = resolveFiles(ownValues(configuration), places);
  try {
    const settings = parseEdgeSettings(values);
    if (problems.length === 0) return settings;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    problems.push(...error.problems);
  }
  throw new ConfigurationError(
    "stack configuration",
    problems.map((problem) => ({ ...problem, path: `${NAMESPACE}:${problem.path}` })),
  );
}

/** Our keys; lists and objects stand there as JSON. */
function ownValues(configuration: Readonly<Record<string, string>>): Record<string, unknown> {
  const own = Object.entries(configuration).filter(([key]) => key.startsWith(`${NAMESPACE}:`) && key !== `${NAMESPACE}:${PASSPHRASE}`);
  return Object.fromEntries(own.map(([key, text]) => [key.slice(NAMESPACE.length + 1), fromJson(text)]));
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

interface Resolved {
  readonly values: Record<string, unknown>;
  readonly problems: Problem[];
}

/** Puts in what stands in files. What cannot be read is a problem; it is left out, so that it is one problem and not two. */
function resolveFiles(values: Record<string, unknown>, places: Places): Resolved {
  const problems: Problem[] = [];
  const pem = (value: unknown, path: string): unknown => {
    if (typeof value !== "string" || !value.startsWith(FILE_PREFIX)) return value;
    const content = readPem(join(places.stackFolder, value.slice(FILE_PREFIX.length)));
    if (content.text !== undefined) return content.text;
    problems.push({ path, value: JSON.stringify(value), allowed: content.problem });
    return undefined;
  };
  const within = (key: string, field: string, change: (value: unknown, path: string) => unknown): void => {
    const object = values[key];
    if (!isObject(object) || !(field in object)) return;
    values[key] = { ...object, [field]: change(object[field], `${key}.${field}`) };
  };
  const list = (value: unknown, path: string): unknown =>
    Array.isArray(value) ? value.map((item, index) => pem(item, `${path}[${index}]`)).filter((item) => item !== undefined) : value;

  within("certificate", "issued", pem);
  within("sipCertificate", "issued", pem);
  within("xmpp", "trustedAuthorities", list);
  within("sip", "trustedAuthorities", list);
  if (Array.isArray(values.partners)) {
    values.partners = values.partners.map((partner, index) =>
      isObject(partner) && "trustedAuthorities" in partner
        ? { ...partner, trustedAuthorities: list(partner.trustedAuthorities, `partners[${index}].trustedAuthorities`) }
        : partner,
    );
  }

  const host = values.host ?? {};
  if (isObject(host) && (host.image === undefined || host.image === OWN_IMAGE)) {
    const image = ownImage(places.imageFile);
    if (!image) problems.push({ path: "host.image", value: JSON.stringify(OWN_IMAGE), allowed: "not yet bundled: run npm run bundle" });
    values.host = { ...host, image: image ?? OWN_IMAGE };
  }
  return { values, problems };
}

function readPem(path: string): { readonly text: string } | { readonly text: undefined; readonly problem: string } {
  try {
    const text = readFileSync(path, "utf8");
    if (text.length <= FILE_LIMIT) return { text };
    return { text: undefined, problem: `expected a file of at most ${FILE_LIMIT} bytes` };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { text: undefined, problem: `expected a file that can be read, its path relative to the stack's file (${code})` };
  }
}

/** The digest that the bundler wrote, so that another bundle is another image. */
function ownImage(path: string): string | undefined {
  try {
    const { image } = JSON.parse(readFileSync(path, "utf8")) as { image?: unknown };
    return typeof image === "string" ? image : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
