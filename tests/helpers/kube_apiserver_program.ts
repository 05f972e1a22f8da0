/**
 * Kubernetes' API server. Debian has no package of the program, but bullseye has
 * its source and all that builds it, offline: `deno task test:kubernetes` builds
 * it once (four minutes of one core) and keeps it below `.cache`. What cannot be
 * had makes the tests skip, or, in that task with CI=true, fails.
 */
import {
  unpackPackage,
  unpackSource,
} from "../../scripts/bench/get_patroni.ts";

const DIRECTORY = new URL("../../.cache/kube-apiserver", import.meta.url)
  .pathname;
const BUILT = `${DIRECTORY}/kube-apiserver`;
const SUITE = "bullseye";
const VERSION = "v1.20.2";
const PROGRAM_VARIABLE = "MATRIARCH_TEST_KUBE_APISERVER";
const PACKAGE = "k8s.io/kubernetes";

/** `MATRIARCH_TEST_KUBE_APISERVER`, or the one that was built. */
export function kubeApiserverProgram(): string {
  return Deno.env.get(PROGRAM_VARIABLE) ?? BUILT;
}

/** Why tests with Kubernetes cannot run here; null if they can, or if they must. */
export function kubernetesSkipReason(): string | null {
  if (exists(kubeApiserverProgram())) return null;
  const isDemanded = Deno.env.get(PROGRAM_VARIABLE) !== undefined;
  return isDemanded
    ? null
    : "there is no kube-apiserver here; deno task test:kubernetes builds it";
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Builds the program if there is none. */
export async function getKubeApiserver(): Promise<void> {
  if (exists(kubeApiserverProgram())) return;
  const work = await Deno.makeTempDir({ prefix: "matriarch-kubernetes-" });
  try {
    console.error("tests: building kube-apiserver, about five minutes");
    await build(work);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function build(work: string): Promise<void> {
  for (const name of ["golang-1.15-go", "golang-1.15-src"]) {
    await unpackPackage(name, { suite: SUITE, dir: `${work}/go` });
  }
  const root = `${work}/path/src/${PACKAGE}`;
  await unpackSource("kubernetes", { suite: SUITE, dir: root });
  const goroot = `${work}/go/usr/lib/go-1.15`;
  const go = goCommand({ goroot, root, work });
  await go(["build", "-o", "openapi-gen"], OPENAPI_GEN);
  await run(`${root}/openapi-gen`, await openapiWords(root), {
    cwd: root,
    env: { GOPATH: `${work}/path`, GO111MODULE: "off", GOROOT: goroot },
    path: `${goroot}/bin`,
  });
  const flag = `-X ${PACKAGE}/vendor/k8s.io/component-base/version.gitVersion=`;
  await Deno.mkdir(DIRECTORY, { recursive: true });
  await go(
    ["build", "-p", "2", "-ldflags", `-s -w ${flag}${VERSION}`, "-o", BUILT],
    "./cmd/kube-apiserver",
  );
}

const OPENAPI_GEN = "./vendor/k8s.io/kube-openapi/cmd/openapi-gen";

interface Places {
  readonly goroot: string;
  readonly root: string;
  readonly work: string;
}

function goCommand(
  { goroot, root, work }: Places,
): (words: readonly string[], what: string) => Promise<void> {
  return (words, what) =>
    run("nice", [`${goroot}/bin/go`, ...words, what], {
      cwd: root,
      env: {
        ...{ GOROOT: goroot, GOPATH: `${work}/path`, HOME: work },
        ...{ GO111MODULE: "off", CGO_ENABLED: "0", GOFLAGS: "" },
      },
      path: `${goroot}/bin`,
    });
}

/** The source package lacks one generated file, of all types that say so. */
async function openapiWords(root: string): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("grep", {
    args: ["-rl", "+k8s:openapi-gen=", "--include=*.go", "pkg", "staging/src"],
    cwd: root,
  }).output();
  const files = new TextDecoder().decode(stdout).trim().split("\n");
  const staged = "staging/src/";
  const folders = files
    .filter((file) => !file.endsWith("_test.go"))
    .map((file) => file.slice(0, file.lastIndexOf("/")))
    .filter((folder) => !/code-generator|sample-apiserver/.test(folder))
    .map((folder) =>
      folder.startsWith(staged)
        ? `${PACKAGE}/vendor/${folder.slice(staged.length)}`
        : `${PACKAGE}/${folder}`
    );
  return [
    ...["--logtostderr", "-i", [...new Set(folders)].toSorted().join(",")],
    ...["-p", `${PACKAGE}/pkg/generated/openapi`],
    ...["-O", "zz_generated.openapi", "-r", "violations"],
    ...["-h", "vendor/k8s.io/code-generator/hack/boilerplate.go.txt"],
  ];
}

async function run(
  program: string,
  args: readonly string[],
  place: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
    readonly path: string;
  },
): Promise<void> {
  const PATH = `${place.path}:${Deno.env.get("PATH") ?? ""}`;
  const { success, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: place.cwd,
    env: { ...place.env, PATH },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  const text = new TextDecoder().decode(stderr).slice(-2000);
  throw new Error(`${program} ${args[0]} failed:\n${text}`);
}

if (import.meta.main) {
  try {
    await getKubeApiserver();
  } catch (error) {
    console.error(`tests: kube-apiserver cannot be had: ${error}`);
    if (Deno.env.get("CI") === "true") Deno.exit(1);
  }
}
