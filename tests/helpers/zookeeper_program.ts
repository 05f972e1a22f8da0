/**
 * ZooKeeper's program: packages of Debian, unpacked, not installed, because they
 * would bring half of Debian's Java along. `deno run -A
 * tests/helpers/zookeeper_program.ts` gets them where they are missing; what
 * cannot be had makes the tests skip, or, with CI=true, fails. Java itself has to
 * be installed (`scripts/packages.ts default-jre-headless`).
 */
import { unpackPackages } from "../../scripts/bench/get_patroni.ts";
import { skipReason } from "./skip_reason.ts";

/** Debian's suites that have a ZooKeeper which is new enough. */
export type ZookeeperSuite = "bookworm" | "trixie";

/** What the tests run on; the other one is tried by hand. */
const SUITE: ZookeeperSuite = "bookworm";
const CACHE = new URL("../../.cache/zookeeper", import.meta.url).pathname;
const JARS = "usr/share/java";

/** The server and all that it loads. */
const PACKAGES: readonly string[] = [
  ...["libzookeeper-java", "libnetty-java", "libslf4j-java"],
  ...["libdropwizard-metrics-java", "libsnappy-java", "libcommons-cli-java"],
  ...["libjetty9-java", "libservlet-api-java", "libjackson2-core-java"],
  ...["libjackson2-databind-java", "libjackson2-annotations-java"],
];

/**
 * Of all that the packages bring, what the server loads. It names itself where
 * the rest is installed, maybe in another version, so it comes last.
 */
const LOADED: readonly string[] = [
  ...["zookeeper-jute", "slf4j-api", "slf4j-simple"],
  ...["metrics-core", "snappy-java", "commons-cli", "servlet-api"],
  ...["jetty9-server", "jetty9-servlet", "jetty9-util", "jetty9-http"],
  ...["jetty9-io", "jackson-core", "jackson-databind", "jackson-annotations"],
  ...["netty-all", "netty-buffer", "netty-codec", "netty-common"],
  ...["netty-handler", "netty-resolver", "netty-transport"],
  ...["netty-transport-native-epoll", "netty-transport-native-unix-common"],
  "zookeeper",
];

/** `MATRIARCH_TEST_ZOOKEEPER=trixie` runs the tests on the newer one. */
export function zookeeperSuite(): ZookeeperSuite {
  const wanted = Deno.env.get("MATRIARCH_TEST_ZOOKEEPER");
  return wanted === "trixie" ? wanted : SUITE;
}

/** For java's option -cp. */
export function zookeeperClassPath(): string {
  return LOADED.map((name) => `${directory()}/${JARS}/${name}.jar`).join(":");
}

/** Why tests with ZooKeeper cannot run here; null if they can. */
export function zookeeperSkipReason(): string | null {
  const reason = skipReason("java", "default-jre-headless");
  if (reason !== null || isUnpacked()) return reason;
  if (Deno.env.get("CI") === "true") return null;
  return `there is no ZooKeeper in ${directory()} (package libzookeeper-java)`;
}

function directory(): string {
  return `${CACHE}/${zookeeperSuite()}`;
}

function isUnpacked(): boolean {
  try {
    return Deno.statSync(`${directory()}/${JARS}/zookeeper.jar`).isFile;
  } catch {
    return false;
  }
}

/** Unpacks the packages if they are not there. */
export async function getZookeeper(): Promise<void> {
  if (isUnpacked()) return;
  const suite = zookeeperSuite();
  console.error(`tests: unpacking ZooKeeper of Debian ${suite}`);
  await unpackPackages(PACKAGES, { suite, dir: directory() });
}

if (import.meta.main) {
  try {
    await getZookeeper();
  } catch (error) {
    console.error(`tests: ZooKeeper cannot be had: ${error}`);
    if (Deno.env.get("CI") === "true") Deno.exit(1);
  }
}
