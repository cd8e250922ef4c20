/** Why a mutant of the core may survive, by its key. */
export const reasons: Readonly<Record<string, string>> = {};
