import { expect, test } from 'vitest';
import { inOrder, Rebuild, takeMoment } from '../end-to-end/capture-rebuild.js';
import { drawnTables } from '../end-to-end/capture-statements.js';
import { scene } from './capture-scene.js';

// Tables as object mappers make them, and a migration of each that rebuilds one: what comes between their PRAGMAs.

interface Generated {
  readonly schema: string;
  readonly tables: readonly string[];
  readonly writes: readonly string[];
  readonly migration: string;
  readonly after: string;
}

const GENERATED: Readonly<Record<string, Generated>> = {
  Django: {
    schema: `CREATE TABLE "shop_customer" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(100) NOT NULL, "is_active" bool NOT NULL, "joined" datetime NOT NULL, "extra" text NOT NULL CHECK ((JSON_VALID("extra") OR "extra" IS NULL)), "limit" decimal NULL);
CREATE TABLE "shop_order" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "code" varchar(20) NOT NULL UNIQUE, "customer_id" bigint NOT NULL REFERENCES "shop_customer" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX "shop_order_customer_id_1a2b3c4d" ON "shop_order" ("customer_id");`,
    tables: ['shop_customer', 'shop_order'],
    writes: [
      `INSERT INTO shop_customer VALUES (1, 'Ana', 1, '2026-03-05 12:00:00.123456', json('{"a":1}'), 10.25)`,
      `UPDATE shop_customer SET extra = json_set(extra, '$.b', json('[2]')), "limit" = NULL`,
      `INSERT INTO shop_order VALUES (1, 'x-1', 1), (2, 'x-2', 1)`,
    ],
    migration: `CREATE TABLE "new__shop_customer" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "vip" bool NOT NULL, "name" varchar(100) NOT NULL, "is_active" bool NOT NULL, "joined" datetime NOT NULL, "extra" text NOT NULL CHECK ((JSON_VALID("extra") OR "extra" IS NULL)), "limit" decimal NULL);
INSERT INTO "new__shop_customer" ("id", "name", "is_active", "joined", "extra", "limit", "vip") SELECT "id", "name", "is_active", "joined", "extra", "limit", 0 FROM "shop_customer";
DROP TABLE "shop_customer";
ALTER TABLE "new__shop_customer" RENAME TO "shop_customer";`,
    after: `UPDATE shop_customer SET vip = 1`,
  },
  Prisma: {
    schema: `CREATE TABLE "User" ("id" TEXT NOT NULL PRIMARY KEY, "email" TEXT NOT NULL, "balance" DECIMAL NOT NULL DEFAULT 0, "data" JSONB, "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE "Post" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "title" TEXT NOT NULL, "authorId" TEXT NOT NULL, CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User" ("id") ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");`,
    tables: ['User', 'Post'],
    writes: [
      `INSERT INTO "User" ("id", "email", "data") VALUES ('ckx1', 'a@x', json('{"roles":["admin"]}'))`,
      `INSERT INTO "User" ("id", "email") VALUES ('ckx1', 'b@x') ON CONFLICT ("id") DO UPDATE SET "email" = excluded."email"`,
      `INSERT INTO "Post" ("title", "authorId") VALUES ('t', 'ckx1')`,
      `UPDATE "User" SET "balance" = "balance" + 0.1, "data" = json_remove("data", '$.roles')`,
    ],
    migration: `CREATE TABLE "new_User" ("id" TEXT NOT NULL PRIMARY KEY, "email" TEXT NOT NULL, "name" TEXT, "balance" DECIMAL NOT NULL DEFAULT 0, "data" JSONB, "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "new_User" ("balance", "createdAt", "data", "email", "id") SELECT "balance", "createdAt", "data", "email", "id" FROM "User";
DROP TABLE "User";
ALTER TABLE "new_User" RENAME TO "User";
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");`,
    after: `UPDATE "User" SET "name" = 'Ana'`,
  },
  Drizzle: {
    schema:
      'CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `full_name` text NOT NULL, `settings` text DEFAULT (json_array()), `created_at` integer DEFAULT (unixepoch()) NOT NULL);\nCREATE TABLE `members` (`user_id` integer NOT NULL, `group_id` text NOT NULL, `role` text, PRIMARY KEY(`user_id`, `group_id`), FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade);',
    tables: ['users', 'members'],
    writes: [
      "INSERT INTO users (full_name) VALUES ('Ana'), ('Ben')",
      "INSERT INTO members VALUES (1, 'g', json_quote('owner')), (2, 'g', NULL)",
      "UPDATE users SET settings = json_insert(settings, '$[#]', 'dark')",
      'DELETE FROM users WHERE id = 2',
    ],
    migration:
      'CREATE TABLE `__new_users` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `full_name` text NOT NULL, `settings` text DEFAULT (json_array()), `created_at` integer DEFAULT (unixepoch()) NOT NULL, `email` text);\nINSERT INTO `__new_users`("id", "full_name", "settings", "created_at") SELECT "id", "full_name", "settings", "created_at" FROM `users`;\nDROP TABLE `users`;\nALTER TABLE `__new_users` RENAME TO `users`;',
    after: "UPDATE users SET email = 'a@x'",
  },
  'a schema as of ProConnect': {
    schema: `CREATE TABLE organizations (id INTEGER PRIMARY KEY AUTOINCREMENT, siret TEXT NOT NULL UNIQUE, authorized_email_domains TEXT NOT NULL DEFAULT (json_array()), cached_libelle TEXT, created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL COLLATE NOCASE UNIQUE, email_verified INTEGER NOT NULL DEFAULT 0, given_name TEXT);
CREATE TABLE users_organizations (user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE, organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE ON UPDATE CASCADE, is_external INTEGER NOT NULL DEFAULT 0, verification_type TEXT, PRIMARY KEY (user_id, organization_id));`,
    tables: ['organizations', 'users', 'users_organizations'],
    writes: [
      `INSERT INTO organizations (id, siret) VALUES (1, '11'), (2, '22')`,
      `INSERT INTO users (id, email) VALUES (1, 'a@x'), (2, 'b@x')`,
      `INSERT INTO users_organizations (user_id, organization_id) VALUES (1, 1), (2, 1), (1, 2)`,
      `UPDATE organizations SET authorized_email_domains = json_insert(authorized_email_domains, '$[#]', 'x')`,
      `UPDATE users_organizations SET user_id = 2 WHERE organization_id = 2`,
      `REPLACE INTO users (id, email) VALUES (2, 'A@X')`,
      `DELETE FROM organizations WHERE id = 1`,
    ],
    migration: `ALTER TABLE users ADD COLUMN phone TEXT; UPDATE users SET phone = json_quote('+33');`,
    after: `UPDATE users SET phone = NULL`,
  },
};

test('exec changes rows of a captured table of each verb', async () => {
  const { execute } = await scene(`CREATE TABLE t (id INTEGER PRIMARY KEY, v)`);
  const done = await execute(
    `INSERT INTO t VALUES (1, 1), (2, 2); UPDATE t SET v = 3; REPLACE INTO t VALUES (1, 4); UPDATE t SET id = 9 WHERE id = 2; DELETE FROM t`,
  );
  expect(done.entries).toBe(9);
});

test.each(Object.entries(GENERATED))('%s', async (_name, { schema, tables, writes, migration, after }) => {
  const { connection, execute, span } = await scene(schema, {}, tables);
  connection.pragma('foreign_keys = ON');
  const drawn = drawnTables(connection);
  const rebuild = new Rebuild(connection, drawn);
  for (const statement of writes) {
    connection.exec(statement);
    const moment = takeMoment(connection, drawn);
    rebuild.to(moment.seq);
    expect(inOrder(rebuild.contents()), statement).toEqual(inOrder(moment.contents));
  }
  await execute(migration);
  for (const table of tables) expect(await span(table)).toMatchObject({ untilSeq: null });
  connection.exec(after);
  const last = connection.prepare(`SELECT action, changed_fields FROM daybook_entries ORDER BY seq DESC LIMIT 1`).get();
  expect(last).toMatchObject({ action: 'update', changed_fields: expect.stringMatching(/^\["\w+"\]$/) as string });
});
