import type { SecretStorage } from "vscode";

/** Provider names with their keys. */
export type Keys = Readonly<Record<string, string>>;

const SECRET = "bursar.keys";

/** The stored keys; none where the secret storage is empty or holds something else. */
export async function storedKeys(secrets: SecretStorage): Promise<Keys> {
  return parseKeys(await secrets.get(SECRET));
}

/** Store a provider's key; an empty key forgets it. */
export async function storeKey(secrets: SecretStorage, provider: string, key: string): Promise<void> {
  const { [provider]: _, ...others } = await storedKeys(secrets);
  const keys = key === "" ? others : { ...others, [provider]: key };
  if (Object.keys(keys).length === 0) {
    await secrets.delete(SECRET);
  } else {
    await secrets.store(SECRET, JSON.stringify(keys));
  }
}

/** The keys in a stored text. */
export function parseKeys(text: string | undefined): Keys {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return {};
    }
    return Object.fromEntries(Object.entries(value).filter(([, key]) => typeof key === "string" && key !== ""));
  } catch {
    return {};
  }
}
