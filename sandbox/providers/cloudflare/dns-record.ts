/** Cloudflare's DNS records (provider v6): what they take, and what the API refuses. The sandbox's DNS server answers them. */
import { randomBytes } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";
import { resourcePath } from "../../client.ts";
import type { Failure, Field } from "../fields.ts";
import { type Computed, outputsOf, ProviderError, type ResourceRow } from "../resource.ts";
import { askSandbox, readRecord } from "../sandbox.ts";
import { fromJson, isProperties, type JsonObject, type Properties, toJson, UNKNOWN } from "../wire.ts";

const TYPE = "cloudflare:index/dnsRecord:DnsRecord";

/** Types that carry `content`, and those that carry `data` (Cloudflare API, "DNS record types"). */
const WITH_CONTENT = ["A", "AAAA", "CNAME", "MX", "NS", "OPENPGPKEY", "PTR", "TXT"] as const;
// biome-ignore format: a table
const WITH_DATA = ["CAA", "CERT", "DNSKEY", "DS", "HTTPS", "LOC", "NAPTR", "SMIMEA", "SRV", "SSHFP", "SVCB", "TLSA", "URI"] as const;
const PROXIABLE: readonly unknown[] = ["A", "AAAA", "CNAME"];

const sixteenBits: Field = { type: "number", integer: true, min: 0, max: 65_535 };
const text: Field = { type: "string" };
const number: Field = { type: "number" };
const NAME = /^(?:\*\.)?(?:[A-Za-z0-9_](?:[-\w]{0,61}[A-Za-z0-9_])?\.)+[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;

// biome-ignore format: a table
const DATA: Field = {
  type: "object",
  fields: {
    priority: sixteenBits, weight: sixteenBits, port: sixteenBits, target: text,
    flags: { type: "any" }, tag: text, value: text,
    usage: number, selector: number, matchingType: number, certificate: text,
    algorithm: number, altitude: number, digest: text, digestType: number, fingerprint: text, keyTag: number,
    latDegrees: number, latDirection: text, latMinutes: number, latSeconds: number,
    longDegrees: number, longDirection: text, longMinutes: number, longSeconds: number,
    order: number, precisionHorz: number, precisionVert: number, preference: number, protocol: number, publicKey: text,
    regex: text, replacement: text, service: text, size: number, type: number,
  },
};

const isTaken = (inputs: Properties, name: string): boolean => (inputs[name] ?? null) !== null;

function checkRecord(inputs: Properties): readonly Failure[] {
  const { type, ttl, name, proxied } = inputs;
  const failures: Failure[] = [];
  const fail = (property: string, reason: string) => void failures.push({ property, reason });
  if (typeof ttl === "number" && ttl !== 1 && (ttl < 60 || ttl > 86_400))
    fail("ttl", `is ${ttl}; expected 1 (automatic) or 60 to 86400 seconds`);
  if (typeof name === "string" && name.length > 255) fail("name", "is longer than 255 characters");
  if (proxied === true && type !== UNKNOWN && !PROXIABLE.includes(type))
    fail("proxied", `cannot be true for ${String(type)}; only for A, AAAA and CNAME`);
  if (proxied === true && typeof ttl === "number" && ttl !== 1) fail("ttl", `is ${ttl}; a proxied record has 1 (automatic)`);
  if (typeof type !== "string") return failures;
  const [needed, other] = (WITH_DATA as readonly string[]).includes(type) ? (["data", "content"] as const) : (["content", "data"] as const);
  if (!isTaken(inputs, needed)) fail(needed, `is required for a ${type} record and missing`);
  if (isTaken(inputs, other)) fail(other, `is given; a ${type} record takes ${needed}`);
  if (type === "MX" && !isTaken(inputs, "priority")) fail("priority", "is required for an MX record and missing");
  return [...failures, ...(type === "SRV" ? checkService(inputs) : checkContent(type, inputs))];
}

function checkService({ name, data, priority }: Properties): readonly Failure[] {
  const failures: Failure[] = [];
  if (typeof name === "string" && !/^_[^.]+\._[^.]+\../.test(name)) {
    failures.push({ property: "name", reason: `is ${JSON.stringify(name)}; an SRV record is named _SERVICE._PROTOCOL.DOMAIN` });
  }
  if (!isProperties(data)) return failures;
  const needed = ["weight", "port", "target", ...((priority ?? null) === null ? ["priority"] : [])];
  for (const part of needed) {
    if (!isTaken(data, part)) failures.push({ property: `data.${part}`, reason: "is required for an SRV record and missing" });
  }
  const { target } = data;
  if (typeof target === "string" && target !== "." && !NAME.test(target.replace(/\.$/, ""))) {
    failures.push({ property: "data.target", reason: `is ${JSON.stringify(target)}; expected a host name` });
  }
  return failures;
}

const CONTENT: Readonly<Record<string, { readonly fits: (content: string) => boolean; readonly expected: string }>> = {
  A: { fits: isIPv4, expected: "an IPv4 address" },
  AAAA: { fits: isIPv6, expected: "an IPv6 address" },
  CNAME: { fits: (content) => NAME.test(content.replace(/\.$/, "")), expected: "a host name" },
  TXT: { fits: (content) => content.length >= 1 && content.length <= 2048, expected: "a text of 1 to 2048 characters" },
};

function checkContent(type: string, { content }: Properties): readonly Failure[] {
  const rule = CONTENT[type];
  if (rule === undefined || typeof content !== "string" || rule.fits(content)) return [];
  return [
    { property: "content", reason: `is ${JSON.stringify(content.slice(0, 60))}; expected ${rule.expected} for a record of type ${type}` },
  ];
}

async function put(id: string, inputs: Properties, before: Properties): Promise<Computed> {
  const { data, type } = inputs;
  const now = new Date().toISOString();
  const service = type === "SRV" && isProperties(data) ? { content: [data.weight, data.port, data.target].map(String).join(" ") } : {};
  const outputs = outputsOf(dnsRecord, inputs, {
    createdOn: before.createdOn ?? now,
    modifiedOn: now,
    proxiable: PROXIABLE.includes(type),
    proxied: inputs.proxied ?? false,
    meta: "{}",
    tags: inputs.tags ?? [],
    settings: inputs.settings ?? {},
    ...service,
  });
  const body = { type: TYPE, inputs: toJson(inputs), outputs: toJson(outputs) };
  return fromJson(((await askSandbox("PUT", resourcePath(id), body)) as { outputs: JsonObject }).outputs);
}

export const dnsRecord: ResourceRow = {
  inputs: {
    zoneId: {
      type: "string",
      pattern: /^[\w-]{1,32}$/,
      expected: "a zone id of 1 to 32 letters and digits",
      required: true,
      replace: true,
    },
    name: { type: "string", pattern: NAME, expected: "the full name of the record, with its zone", required: true },
    type: { type: "string", oneOf: [...WITH_CONTENT, ...WITH_DATA], required: true },
    ttl: { type: "number", integer: true, required: true },
    content: text,
    data: DATA,
    priority: sixteenBits,
    proxied: { type: "boolean" },
    comment: { type: "string", pattern: /^.{0,500}$/s, expected: "at most 500 characters" },
    tags: { type: "array", of: text, unordered: true },
    settings: {
      type: "object",
      fields: { flattenCname: { type: "boolean" }, ipv4Only: { type: "boolean" }, ipv6Only: { type: "boolean" } },
    },
    includeShadowMetadata: { type: "boolean" },
    privateRouting: { type: "boolean" },
  },
  computed: ["content", "createdOn", "modifiedOn", "proxiable", "proxied", "meta", "tags", "settings"],
  volatile: ["content", "modifiedOn"],
  check: checkRecord,
  create: async (inputs) => {
    const id = randomBytes(16).toString("hex");
    return { id, computed: await put(id, inputs, {}) };
  },
  read: async (given) => {
    // An import names the zone as well: ZONE/RECORD.
    const id = given.split("/").at(-1) ?? given;
    const record = await readRecord(id);
    return record === null ? null : { id, inputs: fromJson(record.inputs), outputs: fromJson(record.outputs) };
  },
  update: (id, inputs, outputs) => put(id, inputs, outputs),
  delete: async (id) => {
    if (id === "") throw new ProviderError("a record without id cannot be deleted");
    await askSandbox("DELETE", resourcePath(id));
  },
};
