// Where the key is brought, as the manifest's `constants` say: one address for each mode, and the site's name.

export type Mode = 'live' | 'test';

export type Site = { name: string; pasteAddress: string };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The site for keys of that mode; undefined where the app was uploaded without its name or address. */
export const siteOf = (constants: unknown, mode: Mode): Site | undefined => {
  if (!isRecord(constants) || !isRecord(constants['site'])) {
    return undefined;
  }
  const name = constants['site_name'];
  const address = constants['site'][mode];
  if (typeof name !== 'string' || name === '' || typeof address !== 'string' || !/^https?:\/\/./.test(address)) {
    return undefined;
  }
  return { name, pasteAddress: `${address.replace(/\/+$/, '')}/stripe/paste/${mode}/` };
};
