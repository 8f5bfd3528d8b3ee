/** Under which an address that is held is known: ports are held beside them. */
export const ipKey = (ip: string): string => `ip ${ip}`;
export const isIpKey = (key: string): boolean => key.startsWith("ip ");
