/** Paths of fields as they grow, in the notation of field errors; "" is the object itself. */
export const childPath = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);
export const indexPath = (path: string, index: number): string => `${path}[${index}]`;
export const keyPath = (path: string, key: string): string => `${path}[${key}]`;

/** An error about the object itself is shown with the path that Go prints for none. */
export const shownPath = (path: string): string => (path === "" ? "<nil>" : path);
