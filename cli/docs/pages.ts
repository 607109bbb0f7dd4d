/** Everything that is printed from code into docs/: path -> text. */
import { dialbackPassphraseSchema, edgeSchema } from "../../components/settings-schema.ts";
import { documentSchema } from "../../gateway/config/schema.ts";
import { page } from "./markdown.ts";
import { inputSchema, jsonText, settingsSections } from "./settings.ts";
import {
  eventsTable,
  failuresTable,
  machineTables,
  negotiationTable,
  optionsTable,
  partnerTypesTable,
  policiesTable,
  refusalsTable,
  toSipTable,
  toXmppTable,
} from "./tables.ts";

/** The printed files, by path below the root. */
export function printedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/configuration.md", configurationPage()],
    ["docs/stack-settings.md", stackSettingsPage()],
    ["docs/edge-document.schema.json", `${jsonText(inputSchema(documentSchema))}\n`],
    ["docs/tables/negotiation.md", negotiationPage()],
    ["docs/tables/stream-machines.md", machinesPage()],
    ["docs/tables/partner-types.md", partnerTypesPage()],
    ["docs/tables/refusals.md", refusalsPage()],
    ["docs/tables/errors.md", errorsPage()],
    ["docs/tables/interworking-errors.md", interworkingPage()],
    ["docs/tables/gateway-options.md", optionsPage()],
    ["docs/tables/events.md", eventsPage()],
    ["docs/tables/policies.md", policiesPage()],
  ]);
}

const configurationPage = (): string =>
  page(
    "The edge document",
    "gateway/config/schema.ts",
    "One JSON object tells the gateway everything. The stack writes it; `npm run gateway -- --document FILE` takes one from a file (an example: " +
      "[examples/edge.json](../examples/edge.json), its JSON schema: [edge-document.schema.json](edge-document.schema.json)). The column Lync names the " +
      "parameter of `New-CsXmppAllowedPartner`, `Set-CsXmppGatewayConfiguration` or the words of Microsoft's page.",
    "Domain names may be written in any case, with a final dot or in Unicode; they are kept in lower-case A-label form. An unknown setting, a wrong " +
      "type, a value out of range, a domain that stands twice, or a row of the [negotiation table](tables/negotiation.md) that cannot work refuses " +
      "the whole document, and the error lists every such problem with its path, the value and what is allowed.",
    settingsSections(documentSchema),
  );

/** The settings that stand in no edge document. */
const STACK_ONLY = edgeSchema
  .omit({ partners: true, gateway: true, xmpp: true, sip: true, listen: true })
  .extend({ dialbackPassphrase: dialbackPassphraseSchema.optional() });

const stackSettingsPage = (): string =>
  page(
    "The stack's settings",
    "components/settings-schema.ts",
    "What `stacks/Pulumi.<stack>.yaml` may say in the namespace `xmpp-edge`, and what `FederationEdge` takes as arguments. The settings `partners`, " +
      "`gateway`, `xmpp`, `sip` and `listen` are those of the [edge document](configuration.md), which is made from them. Two certificates are " +
      "made alike: `certificate` is shown to partners, `sipCertificate` to the Lync side.",
    settingsSections(STACK_ONLY),
  );

const negotiationPage = (): string =>
  page(
    "Negotiation settings of a partner",
    "gateway/config/matrix.ts",
    "Microsoft's complete matrix, row by row: what `tlsNegotiation`, `saslNegotiation` and `supportDialbackNegotiation` make of a partner. A refused " +
      "row is an error in preview, in the component's constructor and in the gateway; a warning is shown in preview and logged. Strict mode is " +
      "`gateway.negotiationMode: strict` ([decision 0002](../decisions/0002-lync-compat-and-strict.md)).",
    negotiationTable(),
  );

function machinesPage(): string {
  const { inbound, pair, outbound } = machineTables();
  return page(
    "How a stream is negotiated",
    "gateway/negotiation/",
    "Three machines, each a table that the code walks: in a state, something comes, and the first row whose condition holds says what is done and " +
      "what state follows. A row without a condition always holds; one without a following state stays where it is. `live` stands for every state but " +
      "`closed`, `open` for those in which dialback and stanzas may come, `header` for those that wait for a stream header, `established` for an " +
      "outbound stream that is proven. `fail:CODE` ends the stream with the failure of [errors.md](errors.md); `sasl:CONDITION` answers a SASL attempt.",
    "## Inbound: a partner connects to the edge",
    inbound,
    "## A domain pair on an inbound stream, by dialback",
    "`refuse:CODE` answers with a dialback error, or, to a peer that does not know those, ends the stream.",
    pair,
    "## Outbound: the edge connects to a partner",
    outbound,
  );
}

const errorsPage = (): string =>
  page(
    "Why a stream or a pair was refused or failed",
    "gateway/negotiation/failures.ts",
    "The code stands in the log and in `/status`; the peer gets the stream error (where there is none, only the closing tag), a sender whose " +
      "stanza is concerned gets the stanza error. Families: _incompatible_, no method in common; _misbehaved_, the peer broke the protocol; " +
      "_refused_, the policy; _unreachable_, DNS, connection or time; _ours_, limits and stops of this edge.",
    failuresTable(),
  );

const optionsPage = (): string =>
  page(
    "Options of the gateway",
    "gateway/settings.ts",
    "An option wins over its environment variable. Files may be paths or URLs: a blob in Azure storage or a secret in Azure Key Vault, read with " +
      "the managed identity of the host.",
    optionsTable(),
  );

const partnerTypesPage = (): string =>
  page(
    "What the users of a partner may do",
    "gateway/access/partner-types.ts",
    "By partner type, as Microsoft's page defines them ([decision 0004](../decisions/0004-partner-type-wording.md)). What counts as added is in " +
      "[decision 0007](../decisions/0007-consent-and-its-store.md); how a refusal is told, in [refusals.md](refusals.md).",
    partnerTypesTable(),
  );

const refusalsPage = (): string =>
  page(
    "Why a user is refused",
    "gateway/access/refusals.ts",
    "One table for both directions: a sender on the XMPP side gets the stanza error, a sender on the SIP side the status. The sentence is the same " +
      "whether or not the user exists, so that it tells nobody who does.",
    refusalsTable(),
  );

const interworkingPage = (): string =>
  page(
    "Errors across the border",
    "gateway/interworking/errors.ts",
    "RFC 7247 section 7, and where it is not followed ([decision 0010](../decisions/0010-sip-status-corrections.md)).",
    "## From XMPP to SIP",
    toSipTable(),
    "## From SIP to XMPP",
    "A status that is not listed counts by its first digit: 3 `redirect`, 4 `bad-request`, 5 `internal-server-error`, 6 `recipient-unavailable`.",
    toXmppTable(),
  );

const eventsPage = (): string =>
  page(
    "What the gateway logs",
    "gateway/observe/events.ts",
    "The closed list: `what` of every log line is one of these names. `--log-level` chooses the lowest level that is written.",
    eventsTable(),
  );

const policiesPage = (): string =>
  page(
    "The policy pack",
    "policies/",
    "The engine runs these rules in every preview and up. A _mandatory_ rule that fires stops the update; an _advisory_ one is shown.",
    policiesTable(),
  );
