/** The walker: finds the first row that fits, and nothing else. What a row does is the driver's business. */

/** state (or group of states) · event · guard · action · next state (`same` stays) · clause. */
export type TransitionRow<
  State extends string,
  Group extends string,
  Event extends string,
  Guard extends string,
  Action extends string,
> = readonly [state: State | Group, on: Event, when: Guard | "else", act: Action, then: State | "same", because: string];

export interface Table<S extends string, G extends string, E extends string, W extends string, A extends string, Known> {
  readonly states: readonly S[];
  readonly events: readonly E[];
  /** Names that stand for several states in the first column. */
  readonly groups: Readonly<Record<G, readonly S[]>>;
  readonly guards: Readonly<Record<W, (known: Known) => boolean>>;
  readonly rows: readonly TransitionRow<S, G, E, W, A>[];
}

export type Step<State, Action> =
  | { readonly found: true; readonly act: Action; readonly next: State; readonly because: string }
  | { readonly found: false; readonly text: string };

/** Walks one table: the first row whose state, event and guard fit. */
export type Machine<S extends string, E extends string, A extends string, Known> = (state: S, event: E, known: Known) => Step<S, A>;

/** The machine of a table. An event without a row in its state is refused with what came and what would have been right. */
export function makeMachine<S extends string, G extends string, E extends string, W extends string, A extends string, K>(
  table: Table<S, G, E, W, A, K>,
): Machine<S, E, A, K> {
  const found = new Map(table.states.map((state) => [state, rowsByEvent(table, state)]));
  return (state, event, known) => {
    const rows = found.get(state);
    const row = rows?.get(event)?.find(([, , when]) => when === "else" || table.guards[when](known));
    if (row) return { found: true, act: row[3], next: row[4] === "same" ? state : row[4], because: row[5] };
    return { found: false, text: `got ${event} in state ${state}; expected ${[...(rows?.keys() ?? [])].join(", ") || "nothing"}` };
  };
}

/** The rows of one state, in the table's order, by event. */
export function rowsByEvent<S extends string, G extends string, E extends string, W extends string, A extends string, K>(
  table: Table<S, G, E, W, A, K>,
  state: S,
): ReadonlyMap<E, readonly TransitionRow<S, G, E, W, A>[]> {
  const covers = (written: S | G): boolean =>
    written === state || ((table.groups as Record<string, readonly S[]>)[written]?.includes(state) ?? false);
  return Map.groupBy(
    table.rows.filter(([written]) => covers(written)),
    ([, on]) => on,
  );
}
