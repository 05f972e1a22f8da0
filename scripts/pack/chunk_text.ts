/**
 * What the program's files become before they are packed. A process keeps the
 * text of each file that it has loaded twice, once in the runtime and once in the
 * engine, so fewer bytes are less memory on every host. Names stay: a stack trace
 * must tell which function it was.
 */
import { transformSync } from "esbuild";

/** The bundler's way to say that a declared function has the name it has. */
const NAME_AS_DECLARED = /^[ \t]*__name\(([\w$]+), "([\w$]+)"\);\n/gm;
const OWN_CHUNK = /\bimport\(("\.\/[\w.-]+")\)/g;

/** Without the calls that give a declared function the name that it has anyway. */
export function withoutSameNames(text: string): string {
  return text.replace(
    NAME_AS_DECLARED,
    (line: string, declared: string, name: string) =>
      declared === name ? "" : line,
  );
}

/**
 * With chunks addressed so that the runtime cannot tell which before they are
 * wanted. Otherwise it reads and keeps all that the program might ever import.
 */
export function withLateChunks(text: string): string {
  return text.replace(
    OWN_CHUNK,
    (_, path: string) => `import(new URL(${path}, import.meta.url).href)`,
  );
}

/** The same program in fewer bytes, all of them ASCII. */
export function packedText(text: string): string {
  const { code } = transformSync(withLateChunks(withoutSameNames(text)), {
    charset: "ascii",
    format: "esm",
    legalComments: "inline",
    minifySyntax: true,
    minifyWhitespace: true,
    target: "esnext",
  });
  return code;
}
