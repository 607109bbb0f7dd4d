/** The certificate request, written by the command and never by the program, so that a preview writes nothing. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, parse, resolve } from "node:path";
import { readRequest, requestSummary } from "../gateway/pki/request.ts";
import { Failure } from "./failure.ts";

export interface WrittenRequest {
  readonly file: string;
  /** What the request says, one line each. */
  readonly contents: readonly string[];
}

/** Writes it where it differs; a request that has been sent does not change its date. @throws Failure where it cannot */
export function writeRequest(pem: string, file: string): WrittenRequest {
  const path = resolve(file);
  try {
    if (!existsSync(path) || readFileSync(path, "utf8") !== pem) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, pem);
    }
  } catch (error) {
    throw new Failure(
      `the certificate request cannot be written to ${path} (${(error as NodeJS.ErrnoException).code}): --request-file names another file`,
    );
  }
  return { file: path, contents: requestSummary(readRequest(pem)) };
}

/** Beside the request for the certificate that partners see stands the one for the Lync side: `edge.csr`, `edge-sip.csr`. */
export function sipRequestFile(file: string): string {
  const { dir, name, ext } = parse(resolve(file));
  return resolve(dir, `${name}-sip${ext}`);
}
