import assert from "node:assert/strict";
import { isHonestWrite } from "./honest_key.ts";

const ONE_OF_TWO = { leader: "a", quorum: 1, voters: ["b", "c"] };

const CASES: readonly (readonly [
  string,
  Parameters<typeof isHonestWrite>,
  boolean,
])[] = [
  [
    "an empty key promises nothing",
    [ONE_OF_TWO, { quorum: 0, voters: [] }, []],
    true,
  ],
  [
    "whoever is confirmed needs no other vote",
    [ONE_OF_TWO, { quorum: 0, voters: ["c"] }, ["c"]],
    true,
  ],
  [
    "a vote less needs one confirmed more",
    [ONE_OF_TWO, { quorum: 0, voters: ["c"] }, []],
    false,
  ],
  [
    "as many votes of fewer voters",
    [ONE_OF_TWO, { quorum: 1, voters: ["c"] }, []],
    true,
  ],
  [
    "an unconfirmed voter more needs a vote more",
    [ONE_OF_TWO, { quorum: 1, voters: ["b", "c", "d"] }, []],
    false,
  ],
  [
    "and with it is let in",
    [ONE_OF_TWO, { quorum: 2, voters: ["b", "c", "d"] }, []],
    true,
  ],
  [
    "a voter that lags stays beside one that is new and confirmed",
    [
      { leader: "a", quorum: 0, voters: ["b"] },
      { quorum: 0, voters: ["b", "c"] },
      ["c"],
    ],
    true,
  ],
  [
    "two confirmed of three leave one who is not",
    [ONE_OF_TWO, { quorum: 1, voters: ["b", "c", "d"] }, ["b", "d"]],
    true,
  ],
  [
    "an empty key vouches for nobody",
    [
      { leader: "a", quorum: 0, voters: [] },
      { quorum: 0, voters: ["b"] },
      [],
    ],
    false,
  ],
  [
    "the old leader has what was acknowledged in its term",
    [ONE_OF_TWO, { quorum: 1, voters: ["a", "c"] }, []],
    true,
  ],
];

for (const [name, [before, after, confirmed], expected] of CASES) {
  Deno.test(`isHonestWrite(): ${name}`, () => {
    assert.equal(isHonestWrite(before, after, confirmed), expected);
  });
}
