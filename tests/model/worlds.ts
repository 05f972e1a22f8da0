/** The worlds that are explored, and how much may happen in each. */
import type { Budget } from "./explore.ts";

/** Both ways in which commits wait. */
export const BOTH_MODES = ["on", "quorum"] as const;

/** One commit; each of b and c may suspect once. */
export const NOTHING: Budget = {
  mode: "on",
  commits: 1,
  termMax: 2,
  areLost: false,
  areRepeated: false,
  crashes: [0, 0, 0],
  wishes: [0, 1, 1],
  refills: [0, 0, 0],
  withdrawals: 0,
  vetoes: 0,
  keyWrites: 0,
  nameChanges: 0,
  expiries: 0,
};

/** What may happen beside it, and its name. */
export type NamedWorld = readonly [name: string, world: Partial<Budget>];

/** Ended in seconds. */
export const SMALL_WORLDS: readonly NamedWorld[] = [
  ["nothing else", {}],
  ["two commits", { commits: 2 }],
  ["the leader moves its key", { keyWrites: 1, nameChanges: 1 }],
  ["the lease ends at any time", { expiries: 1, termMax: 3 }],
  ["the leader's host crashes, comes back and pledges", {
    crashes: [1, 0, 0],
    wishes: [1, 1, 1],
    termMax: 3,
  }],
  ["a voter crashes, and its record may be lost", {
    crashes: [0, 1, 0],
    refills: [0, 1, 0],
  }],
  ["a veto, and requests that come twice", { vetoes: 1, areRepeated: true }],
  ["a withdrawal, and requests that are lost", {
    withdrawals: 1,
    areLost: true,
  }],
];

/** Ended in minutes, each. */
export const LARGE_WORLDS: readonly NamedWorld[] = [
  ["the leader moves its key twice", {
    mode: "on",
    keyWrites: 2,
    nameChanges: 2,
    commits: 2,
  }],
  ["the leader moves its key, the lease ends", {
    mode: "on",
    keyWrites: 1,
    nameChanges: 1,
    expiries: 1,
    termMax: 3,
  }],
  ["all crash, the leader moves its key", {
    mode: "on",
    keyWrites: 1,
    nameChanges: 1,
    crashes: [1, 1, 1],
    wishes: [1, 1, 1],
    termMax: 3,
  }],
  ["a voter fails twice, requests are lost", {
    mode: "quorum",
    crashes: [0, 1, 0],
    refills: [0, 1, 0],
    wishes: [0, 2, 1],
    withdrawals: 1,
    areLost: true,
  }],
  ["the leader moves its key twice", {
    mode: "quorum",
    keyWrites: 2,
    nameChanges: 2,
  }],
  ["vetoes, withdrawals, requests that come twice", {
    mode: "quorum",
    vetoes: 1,
    withdrawals: 1,
    areRepeated: true,
    wishes: [0, 2, 2],
  }],
  ["both voters crash", { mode: "quorum", crashes: [0, 1, 1] }],
  ["the leader's host crashes, comes back and pledges; keys move", {
    mode: "quorum",
    crashes: [1, 0, 0],
    wishes: [1, 1, 1],
    keyWrites: 1,
    nameChanges: 1,
    termMax: 3,
  }],
  ["all crash, the old leader may pledge", {
    mode: "quorum",
    crashes: [1, 1, 1],
    wishes: [1, 1, 1],
    termMax: 3,
  }],
  ["the leader moves its key, the lease ends", {
    mode: "quorum",
    keyWrites: 1,
    nameChanges: 1,
    expiries: 1,
    termMax: 3,
  }],
];
