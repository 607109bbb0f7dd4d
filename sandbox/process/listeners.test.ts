import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { isListening, portHolder } from "./listeners.ts";

describe("listeners", () => {
  for (const address of ["127.81.4.2", "0.0.0.0", "::"]) {
    it(`on ${address} are seen, with the process that has them`, async () => {
      const server = createServer().listen(0, address);
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      assert.equal(isListening("127.81.4.2", port), true);
      assert.equal(isListening("127.81.4.3", port), address !== "127.81.4.2");
      assert.match(portHolder(port) ?? "", new RegExp(`\\(process ${process.pid}\\)$`));
      server.close();
      await once(server, "close");
      assert.equal(isListening("127.81.4.2", port), false);
      assert.equal(portHolder(port), null);
    });
  }
});
