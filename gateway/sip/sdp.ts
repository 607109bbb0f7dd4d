/** Session descriptions as far as an IM session needs them (RFC 4566; Lync's `m=message 5060 sip null`). */
import type { Dialect } from "./dialect.ts";
import { fail, type Outcome, ok, quoted } from "./faults.ts";
import { LIMITS } from "./limits.ts";

export interface Media {
  /** `message`, `audio`... */
  readonly type: string;
  /** 0 refuses the media. */
  readonly port: number;
  /** Protocol and formats, as written. */
  readonly rest: string;
  /** Values of `a=` lines: `accept-types:text/plain`. */
  readonly attributes: readonly string[];
}

const MEDIA = /^m=([A-Za-z0-9!#$%&'*+\-.^_`{|}~]+) (\d{1,5})(?:\/\d+)? ([^\r\n]+)$/;

/** Reads the media of a description. A line that is not `x=value` is a fault; what is not needed is skipped. */
export function readMedia(body: Buffer): Outcome<readonly Media[]> {
  const lines = body
    .toString("latin1")
    .split(/\r?\n/)
    .filter((line) => line !== "");
  if (lines[0] !== "v=0") return fail("body-malformed", "session description", "expected v=0 in the first line");
  const media: { type: string; port: number; rest: string; attributes: string[] }[] = [];
  for (const line of lines) {
    if (!/^[a-z]=/.test(line)) return fail("body-malformed", "session description", `${quoted(line)}; expected x=value`);
    if (line.startsWith("a=")) media.at(-1)?.attributes.push(line.slice(2));
    if (!line.startsWith("m=")) continue;
    const match = MEDIA.exec(line);
    if (match === null) return fail("body-malformed", "session description", `${quoted(line)}; expected m=type port protocol format`);
    if (media.length === LIMITS.media) return fail("body-malformed", "session description", `more than ${LIMITS.media} media`);
    media.push({ type: match[1] as string, port: Number(match[2]), rest: match[3] as string, attributes: [] });
  }
  return ok(media);
}

const isMessages = (media: Media, dialect: Dialect): boolean => dialect.messageMedia.includes(media.type) && media.port !== 0;

/** Whether one of the media is a session of messages that is not refused. */
export const carriesMessages = (media: readonly Media[], dialect: Dialect): boolean => media.some((one) => isMessages(one, dialect));

/** The address and name in our descriptions. `address` is the local one of the connection. */
export interface Origin {
  readonly address: string;
}

function describe(origin: Origin, media: readonly string[]): Buffer {
  const connection = `IN ${origin.address.includes(":") ? "IP6" : "IP4"} ${origin.address}`;
  const lines = ["v=0", `o=- 0 0 ${connection}`, "s=session", `c=${connection}`, "t=0 0", ...media];
  return Buffer.from(`${lines.join("\r\n")}\r\n`, "latin1");
}

const messageLines = (type: string, dialect: Dialect): readonly string[] => [
  `m=${type} ${dialect.mediaPort} ${dialect.mediaProtocol}`,
  `a=accept-types:${dialect.acceptTypes.join(" ")}`,
];

/** Our offer of a message session. */
export const offer = (origin: Origin, dialect: Dialect): Buffer =>
  describe(origin, messageLines(dialect.messageMedia[0] ?? "message", dialect));

/** The answer: the first message media is taken, each other one is refused with port 0 (RFC 3264 6). */
export function answer(offered: readonly Media[], origin: Origin, dialect: Dialect): Buffer {
  const taken = offered.findIndex((media) => isMessages(media, dialect));
  return describe(
    origin,
    offered.flatMap((media, index) => (index === taken ? messageLines(media.type, dialect) : [`m=${media.type} 0 ${media.rest}`])),
  );
}
