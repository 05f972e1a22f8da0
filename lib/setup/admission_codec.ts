/** What a host is given that joins: its certificate, whom to trust, the common part. */
import {
  asObject,
  readCount,
  readText,
  readTexts,
} from "../core/codec/json.ts";
import type { Blueprint, CommonPart, StoreSection } from "./blueprint.ts";
import { decodeLogin } from "./login.ts";

/** All of it. */
export interface Admission {
  /** PEM. */
  readonly cert: string;
  /** Trusted authorities, the signing one last; PEM. */
  readonly trusted: readonly string[];
  /** Null: the host has it already, or has no PostgreSQL. */
  readonly blueprint: Blueprint | null;
  /** For a host without PostgreSQL; null: it has it already, or has one. */
  readonly witness: CommonPart | null;
}

/** As JSON. */
export function encodeAdmission(
  admission: Admission,
): Readonly<Record<string, unknown>> {
  return { ...admission };
}

/** Null: a part is missing, so it is no admission of this version. */
export function decodeAdmission(value: unknown): Admission | null {
  const fields = asObject(value);
  const cert = readText(fields?.["cert"]);
  const trusted = readTexts(fields?.["trusted"]);
  const blueprint = decodeIfThere(fields?.["blueprint"], decodeBlueprint);
  const witness = decodeIfThere(fields?.["witness"], decodeCommon);
  if (cert === null || trusted === null || trusted.length === 0) return null;
  if (blueprint === "unreadable" || witness === "unreadable") return null;
  return { cert, trusted, blueprint, witness };
}

function decodeIfThere<T>(
  value: unknown,
  decode: (value: unknown) => T | null,
): T | null | "unreadable" {
  if (value === null || value === undefined) return null;
  return decode(value) ?? "unreadable";
}

function decodeCommon(value: unknown): CommonPart | null {
  const fields = asObject(value);
  const scope = readText(fields?.["scope"]);
  const store = decodeStore(fields?.["store"]);
  const rest = decodeLogin(fields?.["rest"]);
  if (scope === null || store === null || rest === null) return null;
  return { scope, store, rest, namespace: readText(fields?.["namespace"]) };
}

function decodeBlueprint(value: unknown): Blueprint | null {
  const fields = asObject(value);
  const common = decodeCommon(value);
  const superuser = decodeLogin(fields?.["superuser"]);
  const replication = decodeLogin(fields?.["replication"]);
  const postgresMajor = readCount(fields?.["postgresMajor"]);
  if (common === null || postgresMajor === null) return null;
  if (superuser === null || replication === null) return null;
  return {
    ...{ ...common, superuser, replication, postgresMajor },
    vip: readText(fields?.["vip"]),
    isAccessShared: fields?.["isAccessShared"] === true,
  };
}

function decodeStore(value: unknown): StoreSection | null {
  const fields = asObject(value);
  const name = readText(fields?.["name"]);
  const section = asObject(fields?.["section"]);
  return name === null || section === null ? null : { name, section };
}
