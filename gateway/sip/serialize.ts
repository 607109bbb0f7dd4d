/** A message -> bytes. Content-Length is written here and nowhere else. */
import { NO_BODY, SIP_VERSION, type SipMessage } from "./message.ts";

export function serialize(message: SipMessage): Buffer {
  let head =
    message.kind === "request"
      ? `${message.method} ${message.uri} ${SIP_VERSION}\r\n`
      : `${SIP_VERSION} ${message.status} ${message.reason}\r\n`;
  for (const header of message.headers) if (header.key !== "content-length") head += `${header.name}: ${header.value}\r\n`;
  head += `Content-Length: ${message.body.length}\r\n\r\n`;
  const bytes = Buffer.allocUnsafe(head.length + message.body.length);
  bytes.write(head, 0, "latin1");
  if (message.body !== NO_BODY) bytes.set(message.body, head.length);
  return bytes;
}
