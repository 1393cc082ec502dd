import { RedletError } from "./errors.js";
import type { Place } from "./options.js";

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

/** Opens, or makes, the folder of a database in the origin private file system; says what is missing where that can't be. */
export async function openFolder(name: string): Promise<FileSystemDirectoryHandle> {
  const missing = missingForFiles();
  if (missing !== undefined) throw new RedletError("UNAVAILABLE", `storage "opfs" can't be used: ${missing}`);
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle(encodeURIComponent(name), { create: true });
  } catch (error) {
    throw new RedletError("UNAVAILABLE", `storage "opfs" can't be used: ${String(error)}`, { cause: error });
  }
}

function missingForFiles(): string | undefined {
  if (manager()?.getDirectory === undefined) {
    return 'there is no origin private file system here, which takes a browser and a secure context; use "indexeddb"';
  }
  if ("createSyncAccessHandle" in FileSystemFileHandle.prototype) return undefined;
  return 'createSyncAccessHandle is missing, which dedicated workers alone have; open it in one, or use "indexeddb"';
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

/** What storage there is, and what the browser says of it. */
export interface StorageReport {
  /** Where the data is kept. */
  place: Place;
  /** Whether the browser keeps it when room gets short; undefined where it does not say. */
  persistent: boolean | undefined;
  /** Bytes that this origin uses, and may use, by the browser's estimate; undefined where there is none. */
  usage: number | undefined;
  quota: number | undefined;
}

/** Asks the browser about the storage of this origin. */
export async function report(place: StorageReport["place"]): Promise<StorageReport> {
  const storage = manager();
  const [persistent, estimate] = await Promise.all([
    storage?.persisted?.().catch(() => undefined),
    storage?.estimate?.().catch(() => undefined),
  ]);
  return { place, persistent, usage: estimate?.usage, quota: estimate?.quota };
}

/** Asks the browser to keep this origin's data when room gets short; returns its answer, undefined where it has none. */
export async function persist(): Promise<boolean | undefined> {
  return manager()?.persist?.().catch(() => false);
}

/** The browser's storage; Node and others have none, or only parts of it. */
function manager(): Partial<StorageManager> | undefined {
  return globalThis.navigator?.storage;
}

/** Tells that there is no more room from other failures of storage. */
export function isFull(message: string): boolean {
  return message.startsWith("QuotaExceededError");
}
