/** Pages of the tables that the code walks. */
import { GRANTS, WISHES } from "../../gateway/access/partner-types.ts";
import { REFUSALS } from "../../gateway/access/refusals.ts";
import { MATRIX, type MatrixRow, type Method, matrixRow, noteText } from "../../gateway/config/matrix.ts";
import { TO_SIP, TO_XMPP } from "../../gateway/interworking/errors.ts";
import { FAILURES } from "../../gateway/negotiation/failures.ts";
import { INBOUND_ROWS, PAIR_ROWS } from "../../gateway/negotiation/inbound.ts";
import { OUTBOUND_ROWS } from "../../gateway/negotiation/outbound.ts";
import { EVENTS } from "../../gateway/observe/events.ts";
import { OPTION_TABLE } from "../../gateway/settings.ts";
import { POLICIES } from "../../policies/index.ts";
import { code, table } from "./markdown.ts";

const METHODS: Readonly<Record<Method, string>> = {
  "sasl-over-tls": "SASL over TLS",
  "tls-dialback": "TLS dialback",
  "tcp-dialback": "TCP dialback",
};

const VERDICTS: Readonly<Record<MatrixRow["verdict"], string>> = { valid: "valid", warning: "valid, warning", invalid: "**refused**" };

const methodsText = (row: MatrixRow): string => row.methods.map((method) => METHODS[method]).join(", ");

/** The 18 rows, and where strict mode differs. */
export function negotiationTable(): string {
  return table(
    ["#", "TLS", "SASL", "Dialback", "Methods, best first", "Verdict", "Note", "In strict mode"],
    MATRIX.map((row) => {
      const strict = matrixRow({ tlsNegotiation: row.tls, saslNegotiation: row.sasl, supportDialbackNegotiation: row.dialback }, "strict");
      return [
        String(row.row),
        code(row.tls),
        code(row.sasl),
        code(String(row.dialback)),
        methodsText(row),
        VERDICTS[row.verdict],
        noteText(row) ?? "",
        strictText(row, strict),
      ];
    }),
  );
}

function strictText(row: MatrixRow, strict: MatrixRow): string {
  if (strict.methods.join() === row.methods.join()) return "the same";
  return strict.verdict === "invalid" ? VERDICTS.invalid : methodsText(strict);
}

/** Why a stream or a pair was refused or failed. */
export const failuresTable = (): string =>
  table(
    ["Code", "Family", "Stream error", "Stanza error", "What the administrator reads"],
    Object.entries(FAILURES).map(([name, [family, stream, stanza, text]]) => [
      code(name),
      family,
      stream === null ? "" : code(stream),
      code(stanza),
      text.replace(/\{(\w+)\}/g, "_$1_"),
    ]),
  );

/** A machine as the code walks it: the first row that fits counts. */
const machineTable = (rows: readonly (readonly string[])[]): string =>
  table(
    ["In state", "Comes", "When", "Do", "Then", "Source"],
    rows.map(([state = "", on = "", when = "", act = "", then = "", because = ""]) => [
      code(state),
      code(on),
      when === "else" ? "" : code(when),
      code(act),
      then === "same" ? "" : code(then),
      because,
    ]),
  );

/** The receiving side, a domain pair on it, and the initiating side. */
export const machineTables = (): { readonly inbound: string; readonly pair: string; readonly outbound: string } => ({
  inbound: machineTable(INBOUND_ROWS),
  pair: machineTable(PAIR_ROWS),
  outbound: machineTable(OUTBOUND_ROWS),
});

/** Options of the gateway alone, with their environment variables. */
export const optionsTable = (): string =>
  table(
    ["Option", "Environment", "Default", "Meaning"],
    OPTION_TABLE.map(([name, variable, fallback, meaning]) => [
      code(`--${name}`),
      code(variable),
      fallback === null ? "**required**" : fallback === "" ? "none" : code(fallback),
      meaning,
    ]),
  );

const GRANT_TEXTS = { always: "always", ifContact: "once added by the user here", never: "never" } as const;

/** Who may do what. */
export const partnerTypesTable = (): string =>
  table(
    ["Partner type", "See presence", "Send messages", "See status notes"],
    Object.entries(GRANTS).map(([type, grants]) => [code(type), ...WISHES.map((wish) => GRANT_TEXTS[grants[wish]])]),
  );

/** Why a user's wish is refused, and how each side is told. */
export const refusalsTable = (): string =>
  table(
    ["Reason", "Stanza error", "SIP status", "What the sender reads", "From"],
    Object.entries(REFUSALS).map(([reason, { condition, status, text, cite }]) => [
      code(reason),
      code(condition),
      String(status),
      text,
      cite,
    ]),
  );

interface SipRow {
  readonly status: number;
  readonly bare?: number;
  readonly instead?: string;
}

/** XMPP condition to SIP status (RFC 7247 table 2, with what differs). */
export const toSipTable = (): string =>
  table(
    ["Stanza error", "SIP status", "From a bare JID", "RFC 7247 says"],
    Object.entries(TO_SIP as Readonly<Record<string, SipRow>>).map(([condition, { status, bare, instead }]) => [
      code(condition),
      String(status),
      bare === undefined ? "the same" : String(bare),
      instead ?? "the same",
    ]),
  );

/** SIP status to XMPP condition (RFC 7247 table 3). */
export const toXmppTable = (): string =>
  table(
    ["SIP status", "Stanza error"],
    TO_XMPP.map(([condition, statuses]) => [statuses.join(", "), code(condition)]),
  );

/** The closed list of log events. */
export const eventsTable = (): string =>
  table(
    ["Event", "Level", "Meaning"],
    Object.entries(EVENTS).map(([name, { level, meaning }]) => [code(name), level, meaning]),
  );

/** The rules of the policy pack. */
export const policiesTable = (): string =>
  table(
    ["Rule", "Level", "Meaning", "Remedy"],
    POLICIES.map(({ name, enforcementLevel, description, remediationSteps }) => [
      code(name),
      String(enforcementLevel),
      serviceAsCode(description),
      serviceAsCode(remediationSteps ?? ""),
    ]),
  );

/** Its underscores would be read as emphasis. */
const serviceAsCode = (text: string): string => text.replaceAll("_xmpp-server._tcp", code("_xmpp-server._tcp"));
