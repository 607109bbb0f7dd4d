/** The DNS server: UDP and TCP, one zone that changes under it. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import {
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type OptAnswer,
  type Packet,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from "dns-packet";
import { LIMITS } from "./limits.ts";
import { lookUp, type Zone } from "./zone.ts";

/** RFC 1035 4.1.1, and BADVERS of RFC 6891. */
const RCODE = { formatError: 1, serverFailure: 2, notImplemented: 4, refused: 5, badVersion: 16 } as const;

export interface DnsServer {
  close(): Promise<void>;
}

export async function startDns(address: string, port: number, zone: () => Zone): Promise<DnsServer & { readonly port: number }> {
  const tcp = await startTcp(address, port, zone);
  const bound = (tcp.server.address() as { port: number }).port;
  let udp: UdpSocket;
  try {
    udp = await startUdp(address, bound, zone);
  } catch (error) {
    tcp.close();
    throw error;
  }
  const close = async () => {
    await Promise.all([new Promise<void>((resolve) => udp.close(resolve)), tcp.close()]);
  };
  return { port: bound, close };
}

function startUdp(address: string, port: number, zone: () => Zone): Promise<UdpSocket> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (message, from) => {
    const response = answer(message, zone(), "udp");
    if (response !== null) socket.send(response, from.port, from.address);
  });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, address, () => {
      socket.off("error", reject).on("error", () => {});
      resolve(socket);
    });
  });
}

function startTcp(address: string, port: number, zone: () => Zone): Promise<{ readonly server: Server; close(): Promise<void> }> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.setTimeout(LIMITS.dnsTcpIdle, () => socket.destroy());
    socket.on("close", () => open.delete(socket)).on("error", () => socket.destroy());
    readMessages(socket, zone);
  });
  server.maxConnections = LIMITS.dnsTcpConnections;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => resolve({ server, close }));
  });
}

/** Messages with two bytes of length before each (RFC 1035 4.2.2), as many as the client sends. */
function readMessages(socket: Socket, zone: () => Zone): void {
  let pending = Buffer.alloc(0);
  socket.on("data", (part: Buffer) => {
    pending = Buffer.concat([pending, part]);
    while (pending.length >= 2) {
      const length = pending.readUInt16BE(0);
      if (length > LIMITS.dnsQueryBytes) {
        socket.destroy();
        return;
      }
      if (pending.length < 2 + length) return;
      const response = answer(pending.subarray(2, 2 + length), zone(), "tcp");
      pending = pending.subarray(2 + length);
      if (response === null) {
        socket.destroy();
        return;
      }
      const size = Buffer.alloc(2);
      size.writeUInt16BE(response.length);
      socket.write(Buffer.concat([size, response]));
    }
  });
}

/** The answer to one message; null for what is no question at all. */
export function answer(message: Buffer, zone: Zone, transport: "udp" | "tcp"): Buffer | null {
  if (message.length < 12 || message.length > LIMITS.dnsQueryBytes || (message.readUInt8(2) & 0x80) !== 0) return null;
  const id = message.readUInt16BE(0);
  let query: Packet;
  try {
    query = decode(message);
  } catch {
    return encode({ type: "response", id, flags: RCODE.formatError });
  }
  try {
    return respond(query, id, zone, transport);
  } catch {
    return encode({ type: "response", id, flags: RCODE.serverFailure });
  }
}

function respond(query: Packet, id: number, zone: Zone, transport: "udp" | "tcp"): Buffer {
  const opt = query.additionals?.find((record) => record.type === "OPT") as OptAnswer | undefined;
  const desired = (query.flags ?? 0) & RECURSION_DESIRED;
  const base = { type: "response", id, questions: query.questions ?? [] } as const;
  const additionals = opt === undefined ? [] : [optAnswer(opt.ednsVersion > 0 ? RCODE.badVersion >> 4 : 0)];
  const no = (rcode: number) => encode({ ...base, flags: desired | (rcode & 15), additionals });
  const [question] = query.questions ?? [];
  if (opt !== undefined && opt.ednsVersion > 0) return no(RCODE.badVersion);
  if (opcodeOf(query) !== 0) return no(RCODE.notImplemented);
  if (question === undefined || query.questions?.length !== 1) return no(RCODE.formatError);
  if (question.class !== undefined && question.class !== "IN") return no(RCODE.refused);
  if (["ANY", "AXFR", "IXFR"].includes(question.type)) return no(RCODE.notImplemented);
  const { rcode, answers, authorities } = lookUp(zone, question);
  const flags = AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | desired;
  const whole = encode({ ...base, flags: flags | rcode, answers: [...answers], authorities: [...authorities], additionals });
  const room = transport === "tcp" ? 65_535 : udpRoom(opt);
  return whole.length <= room ? whole : encode({ ...base, flags: flags | TRUNCATED_RESPONSE, additionals });
}

const udpRoom = (opt: OptAnswer | undefined): number =>
  opt === undefined ? LIMITS.dnsPlainBytes : Math.min(Math.max(opt.udpPayloadSize, LIMITS.dnsPlainBytes), LIMITS.dnsUdpBytes);

/** dns-packet leaves the opcode in the flags. */
const opcodeOf = (query: Packet): number => ((query.flags ?? 0) >> 11) & 15;

const optAnswer = (extendedRcode: number): OptAnswer => ({
  type: "OPT",
  name: ".",
  udpPayloadSize: LIMITS.dnsUdpBytes,
  extendedRcode,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
});
