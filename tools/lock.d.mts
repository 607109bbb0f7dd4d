/** The process that holds a lock. */
export interface Owner {
  readonly pid: number;
  /** Start time in clock ticks since boot; "" where the system does not tell. */
  readonly started: string;
  /** ISO 8601. */
  readonly since: string;
}
export type Taken = { readonly release: () => void; readonly owner?: undefined } | { readonly release?: undefined; readonly owner: Owner };

export declare const LIMITS: { readonly pollMilliseconds: number };
export declare function startTime(pid: number): string;
export declare function isAlive(pid: number, started?: string): boolean;
export declare function lockOwner(path: string): Owner | null;
export declare function tryLock(path: string): Taken;
export declare function withLock<T>(path: string, work: () => Promise<T> | T, onWait?: (owner: Owner, seconds: number) => void): Promise<T>;
