/** A DNS server on loopback, UDP and TCP: the sandbox's, whose answers over UDP are cut where they do not fit. */
export { startDns } from "../../sandbox/process/dns.ts";
export { makeZone, type ZoneRecord } from "../../sandbox/process/zone.ts";
