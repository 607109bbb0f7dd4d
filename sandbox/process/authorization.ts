/** Who may read what: identities, their tokens, and role assignments (Azure RBAC). */
import { createHmac, timingSafeEqual } from "node:crypto";
import { LIMITS } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import type { Resources } from "./resources.ts";
import type { ResourceRecord } from "./state.ts";

export const IDENTITY = "azure-native:managedidentity:UserAssignedIdentity";
export const ROLE_ASSIGNMENT = "azure-native:authorization:RoleAssignment";

/** The audience of a token for each service. */
export const AUDIENCES = { storage: "https://storage.azure.com", vault: "https://vault.azure.net" } as const;

export type Action = "readBlob" | "readSecret";

/** Azure's built-in roles that allow what the stand-ins serve (role definition id -> actions). Other roles allow nothing here. */
export const ROLES: Readonly<Record<string, readonly Action[]>> = {
  "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": ["readBlob"], // Storage Blob Data Reader
  "ba92f5b4-2d11-453d-a403-e96b0029c9fe": ["readBlob"], // Storage Blob Data Contributor
  "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": ["readBlob"], // Storage Blob Data Owner
  "4633458b-17de-408a-874b-0445c86b69e6": ["readSecret"], // Key Vault Secrets User
  "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": ["readSecret"], // Key Vault Secrets Officer
  "00482a5a-887f-4fb3-b363-3b7fe8e74483": ["readSecret"], // Key Vault Administrator
};

export interface Claims {
  /** The identity's principal id. */
  readonly oid: string;
  readonly aud: string;
  /** Seconds since the epoch. */
  readonly exp: number;
}

const sign = (key: string, text: string): Buffer => createHmac("sha256", Buffer.from(key, "hex")).update(text).digest();

/** A token in JWT form (RFC 7519), signed by HS256 with the sandbox's own key. */
export function issueToken(key: string, oid: string, audience: string, now: number): { readonly token: string; readonly claims: Claims } {
  const claims: Claims = { oid, aud: audience.replace(/\/$/, ""), exp: Math.floor((now + LIMITS.tokenLife) / 1000) };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return { token: `${signed}.${sign(key, signed).toString("base64url")}`, claims };
}

/** The claims of a bearer token for `audience`. @throws Refusal 401 */
export function verifyBearer(key: string, header: string | undefined, audience: string, now: number): Claims {
  const refuse = (why: string) => new Refusal(401, "InvalidAuthenticationInfo", why);
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/.exec(header ?? "")?.[1];
  if (token === undefined) throw refuse(`a bearer token for ${audience} is required`);
  const cut = token.lastIndexOf(".");
  const given = Buffer.from(token.slice(cut + 1), "base64url");
  const right = sign(key, token.slice(0, cut));
  if (given.length !== right.length || !timingSafeEqual(given, right)) throw refuse("the token was not issued here");
  const claims = JSON.parse(Buffer.from(token.slice(token.indexOf(".") + 1, cut), "base64url").toString()) as Claims;
  if (claims.aud !== audience) throw refuse(`the token is for ${claims.aud}, expected ${audience}`);
  if (claims.exp * 1000 <= now) throw refuse("the token has expired");
  return claims;
}

/** Whether a role of the principal allows `action` on a resource: an assignment counts for its scope and everything in it. */
export function allows(resources: Resources, principal: string, action: Action, resource: string): boolean {
  return resources.ofType(ROLE_ASSIGNMENT).some(({ inputs }) => {
    const scope = String(inputs.scope).toLowerCase().replace(/\/$/, "");
    const role = String(inputs.roleDefinitionId).split("/").at(-1)?.toLowerCase() ?? "";
    const covers = `${resource.toLowerCase()}/`.startsWith(`${scope}/`);
    return covers && inputs.principalId === principal && ROLES[role]?.includes(action) === true;
  });
}

/** What Azure refuses of a role assignment. */
export function checkRoleAssignment(record: ResourceRecord, all: Resources, self: string): void {
  const { scope, principalId, principalType, roleDefinitionId } = record.inputs;
  const isScope = /^\/subscriptions\/[^/]+$/i.test(String(scope)) || all.find(String(scope)) !== undefined;
  if (!isScope) throw new Refusal(404, "ResourceNotFound", `scope ${String(scope)} does not exist`);
  const isIdentity = all.ofType(IDENTITY).some(({ outputs }) => outputs.principalId === principalId);
  if (!isIdentity && principalId !== self) {
    throw new Refusal(400, "PrincipalNotFound", `principal ${String(principalId)} does not exist in the directory`);
  }
  if (isIdentity && principalType !== "ServicePrincipal") {
    throw new Refusal(
      400,
      "UnmatchedPrincipalType",
      `principal ${String(principalId)} is a ServicePrincipal, not a ${String(principalType)}`,
    );
  }
  const twin = all
    .ofType(ROLE_ASSIGNMENT)
    .find(
      (other) =>
        other.id !== record.id &&
        other.inputs.scope === scope &&
        other.inputs.principalId === principalId &&
        other.inputs.roleDefinitionId === roleDefinitionId,
    );
  if (twin !== undefined) throw new Refusal(409, "RoleAssignmentExists", `the same assignment exists already: ${twin.id}`);
}
