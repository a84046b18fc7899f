import path from 'node:path';

const ready = await Promise.resolve('top-level await');
export const handler = async (event) => [ready, path.basename(import.meta.url), event];
export default { handler };
