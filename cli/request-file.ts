/** The certificate request, written by the command and never by the program, so that a preview writes nothing. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { readRequest, requestSummary } from "../gateway/pki/request.ts";

export interface WrittenRequest {
  readonly file: string;
  /** What the request says, one line each. */
  readonly contents: readonly string[];
}

/** Writes it where it differs; a request that has been sent does not change its date. */
export function writeRequest(pem: string, file: string): WrittenRequest {
  const path = resolve(file);
  if (!existsSync(path) || readFileSync(path, "utf8") !== pem) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, pem);
  }
  return { file: path, contents: requestSummary(readRequest(pem)) };
}
