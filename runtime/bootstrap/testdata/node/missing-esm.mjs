import 'does-not-exist-anywhere';
export const handler = 1;
