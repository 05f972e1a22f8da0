/** Goal: what people put in the place of an unfinished directory is never taken for it. */
import assert from "node:assert/strict";
import {
  type FillBinding,
  type Filling,
  type FillMarker,
  formatMarker,
  judgeMarker,
  type MarkedDirectory,
  parseMarker,
} from "./fill_marker.ts";
import { type FileIdentity, isSameFile } from "./file_identity.ts";

const HERE: FileIdentity = { device: 1, inode: 10, bornAt: 1_000 };
const THERE: FileIdentity = { device: 1, inode: 11, bornAt: 2_000 };
const GLOBAL: FileIdentity = { device: 1, inode: 20, bornAt: 1_001 };
const GLOBAL_ANEW: FileIdentity = { ...GLOBAL, bornAt: 3_000 };

function marker(
  what: Filling,
  binding: Partial<FillBinding> | null = {},
): FillMarker {
  return {
    what,
    pid: 7,
    startTicks: 8,
    binding: binding === null ? null : {
      token: "t",
      directory: HERE,
      anchor: null,
      isOwnProgram: true,
      isAlone: false,
      folders: [{ kind: "wal", path: "/wal" }],
      ...binding,
    },
  };
}

function seen(directory: Partial<MarkedDirectory> = {}): MarkedDirectory {
  return { directory: HERE, anchor: GLOBAL, token: null, ...directory };
}

const CASES: readonly (readonly [
  string,
  FillMarker,
  MarkedDirectory,
  ReturnType<typeof judgeMarker>,
])[] = [
  ["cut copy", marker("clone"), seen({ token: "t" }), "ours"],
  [
    "cut copy, restored elsewhere",
    marker("clone"),
    seen({ directory: THERE }),
    "other",
  ],
  [
    "the inode was given to the restored directory",
    marker("clone"),
    seen({ directory: { ...HERE, bornAt: 1_500 } }),
    "other",
  ],
  ["cut copy, restored in place", marker("clone"), seen(), "doubtful"],
  [
    "the mark of another copy",
    marker("clone"),
    seen({ token: "x" }),
    "doubtful",
  ],
  [
    "copied elsewhere with its mark",
    marker("clone"),
    seen({ directory: THERE, token: "t" }),
    "doubtful",
  ],
  [
    "a user's program may replace the directory",
    marker("clone", { isOwnProgram: false }),
    seen({ directory: THERE }),
    "doubtful",
  ],
  [
    "a user's program that was cut",
    marker("clone", { isOwnProgram: false }),
    seen({ token: "t" }),
    "ours",
  ],
  [
    "the agent died before the directory was there",
    marker("clone", { directory: null }),
    seen(),
    "doubtful",
  ],
  ["an older version", marker("clone", null), seen({ token: "t" }), "doubtful"],
  ["an older version's rewind", marker("rewind", null), seen(), "doubtful"],
  [
    "cut set-up of a new instance",
    marker("bootstrap", { anchor: GLOBAL }),
    seen(),
    "ours",
  ],
  [
    "its content was restored in place",
    marker("bootstrap", { anchor: GLOBAL }),
    seen({ anchor: GLOBAL_ANEW }),
    "doubtful",
  ],
  [
    "another directory, after a user's bootstrap had ended",
    marker("bootstrap", { anchor: GLOBAL, isOwnProgram: false }),
    seen({ directory: THERE, anchor: GLOBAL_ANEW }),
    "other",
  ],
  ["cut rewind", marker("rewind", { anchor: GLOBAL }), seen(), "ours"],
  [
    "cut rewind, restored elsewhere",
    marker("rewind", { anchor: GLOBAL }),
    seen({ directory: THERE, anchor: GLOBAL_ANEW }),
    "other",
  ],
  [
    "cut rewind, restored in place",
    marker("rewind", { anchor: GLOBAL }),
    seen({ anchor: GLOBAL_ANEW }),
    "doubtful",
  ],
  ["cut removal", marker("removal"), seen({ token: "t" }), "ours"],
  [
    "cut removal, then restored in place",
    marker("removal", { anchor: GLOBAL }),
    seen(),
    "doubtful",
  ],
  [
    "cut removal, restored elsewhere",
    marker("removal"),
    seen({ directory: THERE }),
    "other",
  ],
  [
    "a mark inside alone, copied with its directory",
    marker("clone", { isAlone: true }),
    seen({ directory: THERE, token: "t" }),
    "doubtful",
  ],
];

for (const [what, given, directory, expected] of CASES) {
  Deno.test(`marker: ${what}: ${expected}`, () => {
    assert.equal(judgeMarker(given, directory), expected);
    const read = parseMarker(formatMarker(given));
    assert.deepEqual(read, given);
    assert.equal(judgeMarker(read, directory), expected);
  });
}

Deno.test("marker: what older versions wrote is read, and they read ours", () => {
  assert.deepEqual(parseMarker("clone\n12 34\n"), {
    what: "clone",
    pid: 12,
    startTicks: 34,
    binding: null,
  });
  assert.deepEqual(
    formatMarker(marker("rewind")).split("\n").slice(0, 2),
    ["rewind", "7 8"],
  );
  for (const text of ["", "clone", "clone\n\n{", "clone\n1 2\n[]"]) {
    assert.equal(parseMarker(text).binding, null, text);
  }
});

Deno.test("parseMarker() takes no pid whose group is another's", () => {
  for (const pid of ["-1", "0", "1", "-7", "2.5", "x"]) {
    assert.equal(parseMarker(`clone\n${pid} 34\n`).pid, 0, pid);
  }
});

Deno.test("identity: a device may have another number after a boot", () => {
  assert.ok(isSameFile(HERE, { ...HERE, device: 2 }));
  const unborn = { ...HERE, bornAt: null };
  assert.ok(isSameFile(unborn, unborn));
  assert.ok(!isSameFile(unborn, { ...unborn, device: 2 }));
  assert.ok(!isSameFile(unborn, HERE));
  assert.ok(!isSameFile(null, null));
});
