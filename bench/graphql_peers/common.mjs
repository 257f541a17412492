// What the peers have in common: the schema, who is asking, and the one read of PostgreSQL.
//
// It is as little as each can do with: plain objects, the default resolvers, one prepared statement.

import { createDecipheriv, createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { jwtVerify } from "jose";
import pg from "pg";

export const port = Number(process.env.PORT);
export const typeDefs = readFileSync(process.env.SCHEMA, "utf8");

const MOST_CACHED = 10_000; // as ours
const issuer = process.env.ISSUER;
const key = createPublicKey(readFileSync(process.env.PUBLIC_KEY));
const dataKey = Buffer.from(process.env.DATA_KEY, "hex");
const seen = new Map();
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });

export class NotSignedIn extends Error {}

// Verify a token once (ES256), and know it by its SHA-256 until it is over, as ours does.
export async function accountOf(authorization) {
  const token = authorization?.startsWith("Bearer ") ? authorization.slice(7) : "";
  const name = createHash("sha256").update(token).digest("base64");
  let known = seen.get(name);
  if (known === undefined) {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ["ES256"],
      typ: "at+jwt",
      issuer,
      audience: issuer,
    }).catch(() => {
      throw new NotSignedIn("not signed in");
    });
    known = { account: payload.sub, until: payload.exp * 1000 };
    seen.set(name, known);
    if (seen.size > MOST_CACHED) seen.delete(seen.keys().next().value);
  }
  if (Date.now() >= known.until) throw new NotSignedIn("not signed in");
  return known.account;
}

const read = {
  name: "home",
  text: "select sealed from bench_home where account_id = $1",
};

// The student's document: everything that the operation shows, computed before and sealed.
export async function homeOf(account) {
  const { rows } = await pool.query({ ...read, values: [account] });
  if (rows.length === 0) return null;
  const sealed = rows[0].sealed;
  const cipher = createDecipheriv("aes-256-gcm", dataKey, sealed.subarray(0, 12));
  cipher.setAAD(Buffer.from(account));
  cipher.setAuthTag(sealed.subarray(sealed.length - 16));
  const clear = cipher.update(sealed.subarray(12, sealed.length - 16), undefined, "utf8");
  return JSON.parse(clear + cipher.final("utf8"));
}

export const resolvers = {
  Query: { me: (_, __, context) => homeOf(context.account) },
  Student: { inbox: (student, { first }) => ({ nodes: student.inbox.nodes.slice(0, first) }) },
};
