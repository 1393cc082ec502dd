import { RedletError } from "./errors.js";

/**
 * Takes the lock on a database, which one tab or worker can have; returns what gives it back.
 *
 * Where there is no Web Locks API the last one who opens wins: IndexedDB holds whose turn it is, and everybody else
 * finds out with the next change.
 */
export function lock(name: string): Promise<() => void> {
  const locks = globalThis.navigator?.locks;
  if (locks === undefined) return Promise.resolve(() => {});
  return new Promise((resolve, reject) => {
    const held = locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock !== null) return new Promise<void>(resolve);
      throw new RedletError(
        "LOCKED",
        `the database '${name}' is open in another tab or worker of this origin: close it there first`,
      );
    });
    held.catch(reject);
  });
}

/** Calls `hurry` whenever the page may be about to go; returns what ends that. */
export function beforePageGoes(hurry: () => void): () => void {
  const page = globalThis.document;
  if (page === undefined) return () => {};
  const hidden = () => page.visibilityState === "hidden" && hurry();
  page.addEventListener("visibilitychange", hidden);
  page.addEventListener("freeze", hurry);
  globalThis.addEventListener("pagehide", hurry);
  return () => {
    page.removeEventListener("visibilitychange", hidden);
    page.removeEventListener("freeze", hurry);
    globalThis.removeEventListener("pagehide", hurry);
  };
}
