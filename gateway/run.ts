/** Joins the parts of a running gateway: first state, store, two sides, router, health, signals. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseDocumentText } from "./config/parse.ts";
import type { EdgeDocument } from "./config/schema.ts";
import { makeLog } from "./observe/log.ts";
import { requestNames } from "./pki/request.ts";
import { selfSigned } from "./pki/selfsigned.ts";
import { wallClock } from "./server/clock.ts";
import { type EdgeWatch, watchEdge } from "./server/edge-state.ts";
import { startHealth } from "./server/health.ts";
import type { Log, SipSide, Surroundings, XmppSide } from "./server/ports.ts";
import { makeResolver } from "./server/resolver.ts";
import { makeRouter, type Router } from "./server/router.ts";
import { makeSipSide } from "./server/sip-side.ts";
import { constantSource, makeSource, managedIdentity, type Source } from "./server/sources.ts";
import { statusReport } from "./server/status.ts";
import { makeXmppSide } from "./server/xmpp-side.ts";
import type { Settings } from "./settings.ts";
import { type Contacts, openContacts } from "./store/contacts.ts";

/** Milliseconds that closing streams and sessions may take after SIGTERM; platforms kill after 30 s. */
const DRAIN = 20_000;

/** Days that a certificate of our own signing is valid: it stands in only until an issued one is given. */
const OWN_CERTIFICATE_DAYS = 90;

/** Runs until SIGTERM or SIGINT. @returns the exit code. @throws what keeps the gateway from starting, in one message. */
export async function runGateway(settings: Settings): Promise<number> {
  let bodiesAllowed = false;
  const log = makeLog({ level: settings.logLevel, bodiesAllowed: () => bodiesAllowed });
  const stopping = signalled();
  const sides: { xmpp?: XmppSide; sip?: SipSide; router?: Router } = {};
  const watch = await watchEdge(await edgeSources(settings, log), {
    clock: wallClock,
    log,
    pollSeconds: settings.pollSeconds,
    onState: (state) => {
      bodiesAllowed = state.document.gateway.enableLoggingAllMessageBodies;
      sides.router?.reload(state);
      sides.xmpp?.reload(state);
      sides.sip?.reload(state);
    },
  });
  bodiesAllowed = watch.state.document.gateway.enableLoggingAllMessageBodies;
  const contacts = openStore(settings);
  const surroundings: Surroundings = {
    clock: wallClock,
    log,
    resolver: makeResolver(settings.dnsServers),
    bindAddress: settings.bindAddress,
    random: (bytes) => randomBytes(bytes),
    fetch: (address, how) => fetch(address, how),
  };
  const router = makeRouter(watch.state, { clock: wallClock, log, contacts, random: surroundings.random });
  const xmpp = makeXmppSide(watch.state, surroundings, router.xmppHandlers);
  const sip = makeSipSide(watch.state, surroundings, router.sipHandlers);
  router.join(xmpp, sip);
  Object.assign(sides, { xmpp, sip, router });
  return serve({ settings, watch, contacts, router, xmpp, sip, log }, stopping);
}

interface Parts {
  readonly settings: Settings;
  readonly watch: EdgeWatch;
  readonly contacts: Contacts;
  readonly router: Router;
  readonly xmpp: XmppSide;
  readonly sip: SipSide;
  readonly log: Log;
}

async function serve(parts: Parts, stopping: Promise<string>): Promise<number> {
  const { settings, watch, xmpp, sip, log } = parts;
  const { listen } = watch.state.document;
  let ready = false;
  let draining = false;
  const health = await startHealth(
    {
      live: () => true,
      notReady: () => (draining ? "draining" : ready ? null : "starting"),
      status: () => statusReport({ watch, xmpp, sip, router: parts.router, now: wallClock.now(), listen, draining }),
    },
    settings.bindAddress,
    listen.healthPort,
  ).catch((error: unknown) => {
    throw new Error(listenProblem("health", settings.bindAddress, listen.healthPort, error));
  });
  try {
    await start("XMPP", xmpp, settings.bindAddress, listen.xmppPort);
    await start("SIP", sip, settings.bindAddress, listen.sipPort);
    ready = true;
    log("gateway-ready", { ...listen, address: settings.bindAddress, partners: watch.state.document.partners.length });
    for (const warning of watch.warnings) log("configuration-warning", { ...warning });
    const signal = await stopping;
    draining = true;
    log("gateway-draining", { signal });
    return 0;
  } finally {
    draining = true;
    watch.stop();
    await Promise.allSettled([xmpp.drain(DRAIN), sip.drain(DRAIN)]);
    await parts.router.settle(DRAIN);
    health.closeAllConnections();
    health.close();
    parts.contacts.close();
    log("gateway-stopped", {});
  }
}

async function start(name: string, side: { start(): Promise<void> }, address: string, port: number): Promise<void> {
  await side.start().catch((error: unknown) => {
    throw new Error(listenProblem(name, address, port, error));
  });
}

/** One sentence for why a port cannot be had, with what to do. */
export function listenProblem(name: string, address: string, port: number, error: unknown): string {
  // A side may listen on more than one port: the error knows which it was.
  const { code = "", port: failed = port } = error as NodeJS.ErrnoException & { readonly port?: number };
  const where = `${name} port ${failed} on ${address}`;
  switch (code) {
    case "EADDRINUSE":
      return `${where} is in use by another process: stop it (ss -ltnp shows it) or set another port under listen in the document`;
    case "EACCES":
      return `${where} may not be opened by this user: use a port above 1023 or give the process that right`;
    case "EADDRNOTAVAIL":
      return `${where}: this machine has no such address; set --bind (EDGE_BIND_ADDRESS) to one it has`;
    default:
      return `${where} cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function signalled(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
}

function openStore(settings: Settings): Contacts {
  if (settings.state === "") return openContacts(":memory:");
  mkdirSync(settings.state, { recursive: true });
  return openContacts(join(settings.state, CONTACTS_FILE));
}

/** Name of the consent store inside the state folder. */
export const CONTACTS_FILE = "contacts.sqlite";

async function edgeSources(settings: Settings, log: Log) {
  const tokenOf = managedIdentity(settings.identity, wallClock.now);
  const from = (location: string): Source => makeSource(location, tokenOf);
  const own = settings.certificate === "" || settings.sipCertificate === "" ? ownNames(await firstDocument(from(settings.document))) : null;
  const [certificate, key] = settings.certificate
    ? [from(settings.certificate), from(settings.key)]
    : ownIdentity("xmpp", own?.xmpp ?? [], log);
  const [sipCertificate, sipKey] = settings.sipCertificate
    ? [from(settings.sipCertificate), from(settings.sipKey)]
    : ownIdentity("sip", own?.sip ?? [], log);
  const dialbackSecret = settings.dialbackSecret
    ? from(settings.dialbackSecret)
    : constantSource("random dialback secret", randomBytes(32).toString("hex"));
  const further = settings.certificates.map((pair) => ({ certificate: from(pair.certificate), key: from(pair.key) }));
  return { document: from(settings.document), certificate, key, further, sipCertificate, sipKey, dialbackSecret };
}

async function firstDocument(source: Source): Promise<EdgeDocument> {
  const reading = await source.read();
  return parseDocumentText(reading.changed ? reading.text : "");
}

function ownNames(document: EdgeDocument): { xmpp: string[]; sip: string[] } {
  const names = requestNames({ accessEdgeFqdn: document.accessEdgeFqdn, sipDomains: document.sipDomains, additionalNames: [] });
  return { xmpp: [...names.dnsNames], sip: [document.sip.fqdn] };
}

/** A certificate that nobody vouches for: TLS works, partners that ask for a proven name refuse it. */
function ownIdentity(side: string, names: string[], log: Log): [Source, Source] {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const notBefore = new Date(wallClock.now() - 3_600_000);
  const notAfter = new Date(wallClock.now() + OWN_CERTIFICATE_DAYS * 86_400_000);
  const chain = selfSigned({ names, privateKeyPem: privateKey, notBefore, notAfter, serial: randomBytes(16).toString("hex") });
  log("certificate-own", { side, names, notAfter: notAfter.toISOString() });
  return [constantSource(`own ${side} certificate`, chain), constantSource(`own ${side} key`, privateKey)];
}
