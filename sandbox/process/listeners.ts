/** Who listens where, from what Linux tells (proc(5)), without a connection that the listener would notice. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"] as const;
const LISTENING = "0A";

interface Listener {
  /** As in the table: bytes of each 32-bit group in reverse, in hexadecimal. */
  readonly address: string;
  readonly inode: string;
}

/** Whether something accepts on an IPv4 address and port; null where the system does not tell. */
export function isListening(address: string, port: number): boolean | null {
  if (!existsSync(TABLES[0])) return null;
  const own = Buffer.from(address.split(".").reverse().map(Number)).toString("hex").toUpperCase();
  return listeners(port).some((listener) => listener.address === own || /^0+$/.test(listener.address));
}

/** "lua5.4 (process 6741)"; null where the system does not tell. */
export function portHolder(port: number): string | null {
  const inodes = new Set(listeners(port).map(({ inode }) => inode));
  if (inodes.size === 0) return null;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    if (socketsOf(pid).some((inode) => inodes.has(inode))) return `${nameOf(pid)} (process ${pid})`;
  }
  return null;
}

/** Columns: 1 local address and port in hexadecimal, 3 state, 9 inode. */
function listeners(port: number): Listener[] {
  return TABLES.flatMap((table) => attempt(() => readFileSync(table, "utf8").trim().split("\n").slice(1), []))
    .map((line) => line.trim().split(/\s+/))
    .map(([, local = "", , state, , , , , , inode = ""]) => ({ local: local.split(":"), state, inode }))
    .filter(({ local, state }) => state === LISTENING && Number.parseInt(local[1] ?? "", 16) === port)
    .map(({ local, inode }) => ({ address: local[0] ?? "", inode }));
}

function socketsOf(pid: string): string[] {
  const files = attempt(() => readdirSync(`/proc/${pid}/fd`), []);
  return files.flatMap((file) => /^socket:\[(\d+)\]$/.exec(attempt(() => readlinkSync(`/proc/${pid}/fd/${file}`), ""))?.[1] ?? []);
}

const nameOf = (pid: string): string => attempt(() => readFileSync(`/proc/${pid}/comm`, "utf8").trim(), "a process");

/** Processes and their files go away while one looks. */
function attempt<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}
