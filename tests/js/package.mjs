/** The package as built, which `cargo xtask test` puts into target/npm. */
export { PipelineError, Redlet, RedletError, RedletSync, RedisError } from "../../target/npm/dist/inline.mjs";

/** Opens a database that is closed when the test is over. */
export async function open(t, Class, options) {
  const db = await Class.open(options);
  t.after(() => db.close());
  return db;
}
