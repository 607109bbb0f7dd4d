/** Ports of containers: free before they start, open once they serve. */
import { connect, createServer } from "node:net";
import { isListening, portHolder } from "./listeners.ts";
import { Refusal } from "./refusal.ts";

/** Looked up rather than tried, where it can be: a server logs a connection that says nothing. */
export function accepts(address: string, port: number): Promise<boolean> {
  const known = isListening(address, port);
  if (known !== null) return Promise.resolve(known);
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const finish = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.setTimeout(1000, () => finish(false));
    socket.once("connect", () => finish(true)).once("error", () => finish(false));
  });
}

/** @throws Refusal naming address and port when something listens there already */
export function checkFree(address: string, port: number, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why =
        error.code === "EADDRINUSE" ? `is already in use by ${portHolder(port) ?? "another process"}` : `cannot be used: ${error.message}`;
      reject(new Refusal(409, "PortUnavailable", `container group ${name}: address ${address} port ${port} ${why}`));
    });
    server.listen(port, address, () => server.close(() => resolve()));
  });
}
