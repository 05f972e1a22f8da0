/** Certificates for TLS tests, made on the spot by openssl. */
import { CertificatesX509 } from "../../lib/adapters/pki/certificates_x509.ts";
import type { Certificates } from "../../lib/ports/certificates.ts";

/** A self-signed certificate that is server, client and CA at once. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * A new certificate for 127.0.0.1.
 *
 * @param passphrase Of its key; null: the key is not encrypted.
 */
export async function selfSigned(
  name: string,
  passphrase: string | null = null,
): Promise<TestCertificate> {
  const folder = await Deno.makeTempDir({ prefix: "matriarch_cert_" });
  try {
    const { success, stderr } = await new Deno.Command("openssl", {
      args: [
        ...["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"],
        ...["-pkeyopt", "ec_paramgen_curve:prime256v1"],
        ...["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"],
        ...["-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`],
      ],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    if (passphrase !== null) await encrypt(`${folder}/key.pem`, passphrase);
    return {
      cert: await Deno.readTextFile(`${folder}/cert.pem`),
      key: await Deno.readTextFile(`${folder}/key.pem`),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Files of an authority and of one certificate by it, for 127.0.0.1 as server and client. */
export interface IssuedFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * A new authority in `folder`, which names its files after it, and a certificate by it.
 *
 * @param whose What it is for, as openssl writes it.
 */
export async function issued(
  folder: string,
  name: string,
  whose = "IP:127.0.0.1",
): Promise<IssuedFiles> {
  const at = (end: string): string => `${folder}/${name}.${end}`;
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  await openssl([
    ...["req", "-x509", ...key, "-nodes", "-days", "2"],
    ...["-subj", `/CN=${name} authority`],
    ...["-keyout", at("ca.key"), "-out", at("ca.crt")],
  ]);
  await openssl([
    ...["req", ...key, "-nodes", "-subj", `/CN=${name}`],
    ...["-keyout", at("key"), "-out", at("csr")],
  ]);
  await Deno.writeTextFile(
    at("ext"),
    `subjectAltName=${whose}\nextendedKeyUsage=serverAuth,clientAuth\n`,
  );
  await openssl([
    ...["x509", "-req", "-in", at("csr"), "-days", "2", "-CAcreateserial"],
    ...["-CA", at("ca.crt"), "-CAkey", at("ca.key")],
    ...["-extfile", at("ext"), "-out", at("crt")],
  ]);
  return { ca: at("ca.crt"), cert: at("crt"), key: at("key") };
}

async function openssl(args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [...args],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

async function encrypt(path: string, passphrase: string): Promise<void> {
  await Deno.writeTextFile(`${path}.pass`, passphrase);
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ...["pkcs8", "-topk8", "-v2", "aes256", "-in", path],
      ...["-passout", `file:${path}.pass`, "-out", `${path}.new`],
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  await Deno.rename(`${path}.new`, path);
}

/** What makes and reads certificates in the program. */
export function certificateMaker(): Certificates {
  return new CertificatesX509();
}
